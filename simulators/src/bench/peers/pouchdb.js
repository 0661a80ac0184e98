// Offline-first replication with PouchDB: a server with so many users, or a fresh client that pulls or pushes.
//
//   node pouchdb.js serve FOLDER COUNT     prints the port once the documents are there
//   node pouchdb.js pull FOLDER URL        prints the milliseconds of a first replication
//   node pouchdb.js push FOLDER URL COUNT  prints the milliseconds of a push of so many new documents
"use strict";
const path = require("path");
const PouchDB = require("pouchdb");

const [what, folder, ...rest] = process.argv.slice(2);
const Local = PouchDB.defaults({ prefix: path.join(folder, "/") });

function user(prefix, n) {
  const id = `${prefix}${String(n).padStart(7, "0")}`;
  return {
    _id: id, name: `Person ${n} Surname`, site: "hamburg", mail: `${id}@example.com`, status: "active",
    label: "", suspended: null, policy: null, changed: 1700000000000 + n,
  };
}

async function fill(db, prefix, count) {
  for (let from = 0; from < count; from += 5000) {
    const length = Math.min(5000, count - from);
    await db.bulkDocs(Array.from({ length }, (_, n) => user(prefix, from + n)));
  }
}

async function serve(count) {
  await fill(new Local("users"), "p", Number(count));
  const express = require("express");
  const app = express();
  app.use("/", require("express-pouchdb")(Local, { logPath: path.join(folder, "log.txt"), mode: "minimumForPouchDB" }));
  const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
}

async function replicate(url, direction, count) {
  const name = `client-${process.pid}`;
  const db = new Local(name);
  if (count) await fill(db, `n${process.pid}-`, Number(count));
  const start = process.hrtime.bigint();
  const done = direction === "pull" ? await db.replicate.from(url) : await db.replicate.to(url);
  const took = Number(process.hrtime.bigint() - start) / 1e6;
  if (!done.ok || done.doc_write_failures > 0) throw new Error(JSON.stringify(done));
  console.log(`${took} ${done.docs_written}`);
  await db.destroy();
}

const work = what === "serve" ? serve(rest[0]) : replicate(rest[0], what, rest[1]);
work.catch((error) => {
  console.error(error);
  process.exit(1);
});
