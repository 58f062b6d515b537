//! Checks that ask the app: where their requests go, and which of them can be asked again.

use super::Findings;
use crate::diagnostic::{Span, codes};
use crate::expression::Expression;
use crate::recipe::{Check, CheckKind, Expr, Recipe, place};

/// Reports hosts that cannot be the app's, as far as the text shows it, and waits that would change nothing.
pub(super) fn check(recipe: &Recipe, findings: &mut Findings<'_>) {
    for check in recipe.prerequisites.iter().chain(&recipe.verify) {
        if let CheckKind::Http(http) = &check.kind {
            address(recipe, &http.url, findings);
        }
    }
    for check in &recipe.prerequisites {
        waits(check, findings);
    }
}

/// A prerequisite is judged once: what is missing then stops the run. What waits on somebody else, a record of a
/// name, may be waited for.
fn waits(check: &Check, findings: &mut Findings<'_>) {
    let within = check.within.as_ref().filter(|_| !matches!(check.kind, CheckKind::Dns(_)));
    let within = within.map(|within| ("within", within.span));
    let successes = check.successes.as_ref().map(|successes| ("successes", successes.span));
    for (key, span) in within.into_iter().chain(successes) {
        let message = format!("`{key}` has a meaning below `verify` only");
        findings.error(codes::BAD_VALUE, span, message, "a prerequisite is judged once");
    }
}

/// What can be seen of an address without its values: it is https, and its host is one that an expression
/// gives, with nothing around it that would make it another.
fn address(recipe: &Recipe, url: &Expr, findings: &mut Findings<'_>) {
    let expression = &url.value;
    let text = expression.text();
    if text.starts_with("${") && !text.starts_with("$${") {
        return;
    }
    let Some(rest) = text.strip_prefix("https://") else {
        let message = "the address of an http check begins with https://";
        findings.error(codes::BAD_VALUE, url.span, message, "");
        return;
    };
    let start = text.len() - rest.len();
    let literal = literals(expression);
    let end = text
        .char_indices()
        .skip_while(|(at, _)| *at < start)
        .find(|(at, c)| literal(*at) && matches!(c, '/' | '?' | '#' | '\\'))
        .map_or(text.len(), |(at, _)| at);
    let host: Vec<(usize, char)> =
        text.char_indices().filter(|(at, _)| (start..end).contains(at) && literal(*at)).collect();
    let computed = host.len() < text.get(start..end).unwrap_or_default().chars().count();
    // What stands behind the last expression ends the name, and so says whose it is.
    let last = text.get(start..end).and_then(|part| part.rfind('}')).map_or(start, |at| start + at + 1);
    let tail: String = host.iter().filter(|(at, _)| *at >= last).map(|(_, c)| c).collect();
    let foreign = !computed || host.iter().any(|(_, c)| *c == '@') || !matches!(tail.as_str(), "" | ":443");
    if foreign {
        let span = place(&recipe.source, url.span, text, Span { start, end });
        let message = "an http check reaches only the app's own hosts";
        let beside = "such as `${app.properties.configuration.ingress.fqdn}`";
        findings.error(codes::FOREIGN_HOST, span, message, beside);
    }
}

/// Tells which bytes of the text are written out, and not within `${…}`.
fn literals(expression: &Expression) -> impl Fn(usize) -> bool + use<> {
    let queries = expression.queries();
    move |at| !queries.iter().any(|query| (query.start.saturating_sub(2)..=query.end).contains(&at))
}
