//! Every page renders in every language, small, and with nothing inline; colors keep their contrast.

use super::samples;
use super::shell::Theme;
use super::text::Lang;

fn every_sample(mut check: impl FnMut(&str, &str)) {
    for lang in Lang::ALL {
        for theme in [Theme::Light, Theme::Dark] {
            for (name, html) in samples::all(lang, theme) {
                check(&format!("{name} in {}", lang.code()), &html);
            }
        }
    }
}

#[test]
fn no_page_is_heavy() {
    every_sample(|name, html| assert!(html.len() < 150 << 10, "{name} has {} bytes", html.len()));
}

#[test]
fn no_page_holds_style_or_script() {
    every_sample(|name, html| {
        for inline in [
            "<style",
            " style=",
            " onclick=",
            " onload=",
            " onsubmit=",
            "javascript:",
        ] {
            assert!(!html.contains(inline), "{name} holds {inline}");
        }
        let scripts = html.matches("<script").count();
        assert_eq!(scripts, html.matches("<script src=\"/assets/").count(), "{name}");
    });
}

#[test]
fn every_form_that_changes_something_carries_a_token() {
    every_sample(|name, html| {
        for form in html.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap_or_default();
            let is_post = form.contains("method=\"post\"");
            assert_eq!(is_post, form.contains("name=\"csrf\""), "{name}: <form{form}");
        }
    });
}

#[test]
fn every_id_stands_once_and_every_label_has_its_field() {
    every_sample(|name, html| {
        let values = |attribute: &str| -> Vec<String> {
            let parts = html.split(attribute).skip(1);
            parts
                .filter_map(|rest| rest.split('"').next())
                .map(str::to_owned)
                .collect()
        };
        let ids = values(" id=\"");
        for (at, id) in ids.iter().enumerate() {
            assert!(!ids[..at].contains(id), "{name} has id {id} twice");
        }
        for wanted in values("label for=\"") {
            assert!(ids.contains(&wanted), "{name}: no field {wanted}");
        }
        for described in values(" aria-describedby=\"")
            .iter()
            .flat_map(|ids| ids.split(' '))
        {
            assert!(
                ids.iter().any(|id| id == described),
                "{name}: nothing is {described}"
            );
        }
    });
}

/// Markup out of data is shown as text.
#[test]
fn names_are_shown_as_they_are() {
    use askama::Template;
    let shell = samples::shell(Lang::En, Theme::Light);
    let page = super::views::DeadEnd {
        shell,
        title: "<script>alert(1)</script>".into(),
        text: "\"><img src=x onerror=alert(1)>".into(),
    };
    let html = page.render().unwrap();
    assert!(
        !html.contains("<script>alert") && !html.contains("<img"),
        "{html}"
    );
}

const CSS: &str = include_str!("../../assets/console.css");

/// The colors of one theme by name.
fn colors(block: &str) -> Vec<(String, [f64; 3])> {
    let channel = |hex: &str| f64::from(u8::from_str_radix(hex, 16).unwrap());
    let color = |line: &str| {
        let (name, value) = line.trim().strip_prefix("--")?.split_once(": #")?;
        let hex = value.strip_suffix(';')?;
        Some((
            name.to_owned(),
            [channel(&hex[0..2]), channel(&hex[2..4]), channel(&hex[4..6])],
        ))
    };
    block.lines().filter_map(color).collect()
}

/// Relative luminance and contrast as WCAG 2.2 defines them.
fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let luminance = |rgb: [f64; 3]| {
        let [r, g, b] = rgb.map(|value| {
            let value = value / 255.0;
            if value <= 0.040_45 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn text_stands_out_in_both_themes() {
    let texts = [
        (
            "ink",
            "ground surface raised sunken accent-soft good-soft warn-soft bad-soft note-soft",
        ),
        ("muted", "ground surface raised sunken"),
        ("accent", "ground surface raised accent-soft"),
        ("accent-strong", "surface accent-soft"),
        ("on-accent", "accent accent-strong"),
        ("on-bad", "bad bad-strong"),
        ("good", "good-soft surface"),
        ("warn", "warn-soft surface"),
        ("bad", "bad-soft surface"),
        ("note", "note-soft surface"),
    ];
    let blocks: Vec<_> = CSS
        .split("  color-scheme: ")
        .skip(1)
        .map(|block| colors(block.split('}').next().unwrap()))
        .collect();
    assert_eq!(blocks.len(), 3, "light, dark, and dark by the system");
    assert_eq!(blocks[1], blocks[2], "both dark themes are one");
    for block in &blocks {
        let find = |name: &str| block.iter().find(|(known, _)| known == name).expect(name).1;
        for (text, grounds) in texts {
            for ground in grounds.split(' ') {
                let found = contrast(find(text), find(ground));
                assert!(found >= 4.5, "{text} on {ground} has {found:.2}");
            }
        }
        for ground in ["surface", "ground"] {
            let found = contrast(find("edge"), find(ground));
            assert!(found >= 3.0, "the edge of a field on {ground} has {found:.2}");
        }
    }
}
