//! Findings for people, as rustc draws them.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::{DecorStyle, Renderer};
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Snippet};

use crate::diagnostic::{Diagnostic, Label, Severity, Source};
use crate::value::strip_control;

/// Bytes of a line that are kept after what is pointed at: a recipe can be one line of a megabyte. What
/// stands before it has to stay, because the column is counted from it.
const CONTEXT: usize = 2_000;
/// Bytes that one caret line may underline.
const MAX_CARETS: usize = 400;
/// The most findings that are drawn: a file of a megabyte can have a hundred thousand mistakes, each with its line.
const MOST: usize = 100;
/// Narrower than this a snippet cannot be drawn.
const MIN_WIDTH: usize = 40;

/// The findings one after the other, an empty line between: the message, the places in files, the
/// cause, the fix on one line, the page, the resource, the correlation id. Ends with a newline unless
/// there are no findings; after the first hundred only their number is told. `width` is that of the terminal in columns; only snippets are cut to it,
/// since commands and links must stay whole.
pub fn render(diagnostics: &[Diagnostic], colour: bool, width: usize) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.term_width(width.max(MIN_WIDTH)).decor_style(DecorStyle::Ascii);
    let mut text = String::new();
    for diagnostic in diagnostics.iter().take(MOST) {
        if !text.is_empty() {
            text.push('\n');
        }
        for line in renderer.render(&[group(diagnostic)]).lines() {
            text.push_str(&arrow(line));
            text.push('\n');
        }
    }
    if let Some(more) = diagnostics.len().checked_sub(MOST).filter(|more| *more > 0) {
        let _ = writeln!(text, "\n… and {more} more");
    }
    text
}

/// A line of a finding. annotate-snippets marks a second place by `:::`, behind which the runner of GitHub may see a
/// command; an arrow says the same.
fn arrow(line: &str) -> Cow<'_, str> {
    match line.split_once("::: ") {
        Some((before, place)) if anstream::adapter::strip_str(before).to_string().trim().is_empty() => {
            format!("{before}--> {place}").into()
        }
        _ => line.into(),
    }
}

fn group(diagnostic: &Diagnostic) -> Group<'static> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(strip_control(&diagnostic.message)).id(diagnostic.code.0);
    let notes = diagnostic.notes.iter().map(|note| ("cause", note));
    let rest = [
        ("fix", &diagnostic.fix),
        ("see", &diagnostic.docs),
        ("resource", &diagnostic.resource),
        ("correlation id", &diagnostic.correlation_id),
    ];
    let rest = rest.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?)));
    let lines =
        notes.chain(rest).map(|(name, text)| Level::NOTE.with_name(name).message(strip_control(text)));
    Group::with_title(title).elements(snippets(&diagnostic.labels)).elements(lines)
}

/// One snippet a line of a file, in the order of the labels; the first label is the primary one.
fn snippets(labels: &[Label]) -> Vec<Snippet<'static, Annotation<'static>>> {
    type Line<'a> = (&'a Arc<Source>, Range<usize>, Vec<(usize, &'a Label)>);
    let mut lines: Vec<Line<'_>> = Vec::new();
    for (index, label) in labels.iter().enumerate() {
        let line = line_around(&label.source, label.span.start);
        let known =
            lines.iter_mut().find(|(source, range, _)| Arc::ptr_eq(source, &label.source) && *range == line);
        match known {
            Some((_, _, labels)) => labels.push((index, label)),
            None => lines.push((&label.source, line, vec![(index, label)])),
        }
    }
    lines.into_iter().map(|(source, line, labels)| snippet(source, &line, &labels)).collect()
}

fn snippet(
    source: &Source,
    line: &Range<usize>,
    labels: &[(usize, &Label)],
) -> Snippet<'static, Annotation<'static>> {
    let pivot = labels.first().map_or(line.start, |(_, label)| label.span.start);
    let pivot = source.floor(pivot.clamp(line.start, line.end));
    let window = line.start..source.floor((pivot + MAX_CARETS + CONTEXT).min(line.end));
    let annotations = labels.iter().map(|(index, label)| {
        let start = source.floor(label.span.start.clamp(window.start, window.end));
        let end = label.span.end.min(start + MAX_CARETS).clamp(start, window.end);
        let kind = if *index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let annotation = kind.span(start - window.start..source.floor(end).max(start) - window.start);
        let text = strip_control(&label.text);
        if text.is_empty() { annotation } else { annotation.label(text) }
    });
    let (number, _) = source.line_col(line.start);
    Snippet::source(visible(&source.text[window.clone()]))
        .path(strip_control(&source.name))
        .line_start(number)
        .annotations(annotations)
}

/// The line that holds a byte, without its end.
fn line_around(source: &Source, offset: usize) -> Range<usize> {
    let text = source.text.as_str();
    let offset = source.floor(offset);
    // At the very end of a text that ends with a newline the last line says more than an empty one.
    let offset = if offset == text.len() && text.ends_with('\n') { offset.saturating_sub(1) } else { offset };
    let start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[offset..].find('\n').map_or(text.len(), |newline| offset + newline);
    let end = if text[start..end].ends_with('\r') { end - 1 } else { end };
    start..end
}

/// The text with everything that could steer a terminal replaced by something of as many bytes, so
/// that spans still fit; tabs stay, the renderer widens them.
fn visible(text: &str) -> String {
    let mut buffer = [0; 4];
    text.chars()
        .map(|c| match c {
            '\t' => c,
            c if strip_control(c.encode_utf8(&mut buffer)) == *c.encode_utf8(&mut [0; 4]) => c,
            c => match c.len_utf8() {
                1 => '?',
                2 => '\u{b7}',
                _ => '\u{fffd}',
            },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::render;
    use crate::diagnostic::{Code, Diagnostic, Source, Span};

    fn source(text: &str) -> Arc<Source> {
        Arc::new(Source { name: "recipes/x/recipe.yaml".to_owned(), text: text.to_owned() })
    }

    fn at(source: &Arc<Source>, start: usize, end: usize) -> Diagnostic {
        Diagnostic::error(Code("unknown-key"), "unknown key `setps`").label(
            source,
            Span { start, end },
            "here",
        )
    }

    #[test]
    fn a_finding_in_full() {
        let source = source("name: x\r\ntitle: é\r\n\tsetps: []\r\nmore: 1\r\n");
        let start = source.text.find("setps").unwrap();
        let finding = at(&source, start, start + 5)
            .label(&source, Span { start: 0, end: 4 }, "in this recipe")
            .note("keys are checked")
            .note("twice")
            .fix("write `steps`\nrm -rf /")
            .docs("https://example.com/steps")
            .resource("/subscriptions/s/resourceGroups/rg")
            .correlation(Some("c-1".to_owned()));
        let warning = Diagnostic::warning(Code("odd"), "odd");
        insta::assert_snapshot!(render(&[finding, warning], false, 80), @r"
        error[unknown-key]: unknown key `setps`
         --> recipes/x/recipe.yaml:3:2
          |
        3 |     setps: []
          |     ^^^^^ here
          |
         --> recipes/x/recipe.yaml:1:1
          |
        1 | name: x
          | ---- in this recipe
          |
          = cause: keys are checked
          = cause: twice
          = fix: write `steps` rm -rf /
          = see: https://example.com/steps
          = resource: /subscriptions/s/resourceGroups/rg
          = correlation id: c-1

        warning[odd]: odd
        ");
    }

    #[test]
    fn nothing_from_outside_steers_the_terminal() {
        let evil = "a\u{1b}[2Jb\u{202e}c\u{9b}d\r\ne\u{7}";
        let source = Arc::new(Source { name: evil.to_owned(), text: format!("key: {evil}\n") });
        let finding = Diagnostic::error(Code("odd"), evil)
            .label(&source, Span { start: 5, end: 6 }, evil)
            .note(evil)
            .fix(evil)
            .docs(evil)
            .resource(evil)
            .correlation(Some(evil.to_owned()));
        let text = render(&[finding], false, 80);
        assert!(text.chars().all(|c| c == '\n' || (!c.is_control() && c != '\u{202e}')), "{text:?}");
        let fix = text.lines().filter(|line| line.contains("fix: a")).collect::<Vec<_>>();
        assert_eq!(fix, ["  = fix: a[2Jbcd e"]);
    }

    #[test]
    fn no_second_place_is_told_by_what_begins_a_command() {
        let first = source("a: 1\nb: 2\n");
        let other = Arc::new(Source { name: "mine/x::error::y.yaml".to_owned(), text: "::: c\n".to_owned() });
        let finding = at(&first, 0, 1).label(&first, Span { start: 5, end: 6 }, "too").label(
            &other,
            Span { start: 4, end: 5 },
            "there",
        );
        for colour in [false, true] {
            let drawn = render(std::slice::from_ref(&finding), colour, 80);
            let plain = anstream::adapter::strip_str(&drawn).to_string();
            assert!(plain.lines().all(|line| !line.trim_start().starts_with("::")), "{plain}");
            assert!(
                plain.contains("--> mine/x::error::y.yaml:1:5") && plain.contains("1 | ::: c"),
                "{plain}"
            );
            assert_eq!(plain.matches("--> recipes/x/recipe.yaml:").count(), 2, "{plain}");
        }
    }

    #[test]
    fn colour_only_when_asked() {
        let source = source("a: 1");
        assert!(render(&[at(&source, 0, 1)], true, 80).contains("\u{1b}["));
        assert!(!render(&[at(&source, 0, 1)], false, 80).contains('\u{1b}'));
    }

    #[test]
    fn a_line_of_a_megabyte_is_cut_around_what_is_meant() {
        let source = source(&format!("{}HERE{}", "é ".repeat(300_000), "x".repeat(300_000)));
        let start = source.text.find("HERE").unwrap();
        let text = render(&[at(&source, start, start + 4)], false, 80);
        assert!(text.contains("recipe.yaml:1:600001"), "{text}");
        assert!(text.contains("HERE") && text.contains("^^^^ here"), "{text}");
        assert!(text.len() < 1_000, "{text}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_and_span_can_be_drawn(
            text in "[a-c\\t\\r\\n é€\u{1b}\u{202e}\u{feff}]{0,40}",
            spans in prop::collection::vec((0_usize..50, 0_usize..50), 0..4),
            width in 0_usize..200,
        ) {
            let source = source(&text);
            let mut finding = Diagnostic::warning(Code("odd"), text.as_str());
            for (start, end) in spans {
                finding = finding.label(&source, Span { start, end }, "x");
            }
            let drawn = render(&[finding], false, width);
            prop_assert!(drawn.starts_with("warning[odd]: "));
            prop_assert!(!drawn.contains(['\u{1b}', '\u{202e}', '\r']), "{drawn:?}");
        }
    }
}
