// The hand of a worker at the page, faster than a hand: enters a ticket, says that the codes are the same as often as it
// is asked, and ends with the screen after which nothing comes. Writes down when each count of touches was painted.
const [ticket, done] = arguments;
const app = document.querySelector("#app");
const now = () => performance.timeOrigin + performance.now();
const painted = [];
let began = 0;
let asked = "";
let shown = 0;

function look() {
  const screen = app.dataset.screen;
  const field = document.querySelector("#code");
  if (screen === "type_code" && field && !began) {
    began = now();
    field.value = ticket;
    field.form.requestSubmit();
  }
  const same = document.querySelector("[data-act=same]");
  if (screen === "compare" && same && asked !== app.dataset.turn) {
    asked = app.dataset.turn;
    same.click();
  }
  const count = Number(document.querySelector(".ring .count b")?.textContent ?? 0);
  if (count > shown) {
    shown = count;
    // The frame that shows it is made after this callback; a task of its own comes after that.
    requestAnimationFrame(() => setTimeout(() => painted.push([count, now()])));
  }
  if (screen === "done" || screen === "refused") end();
}

function end() {
  const ended = now();
  watch.disconnect();
  const outcome = document.querySelector("[data-reason]")?.dataset.reason ?? "done";
  requestAnimationFrame(() => setTimeout(() => done({ outcome, whole: ended - began, painted })));
}

const watch = new MutationObserver(look);
watch.observe(app, { subtree: true, childList: true, characterData: true, attributes: true });
document.querySelector("button[data-act=type]").click();
