//! From a checked tree to cases.

use std::sync::Arc;

use super::{Case, CaseCommand, CaseRun, DiagnosticLike, Edit, Expect, FindingLike, Flipped, Given};
use crate::diagnostic::{Source, Span};
use crate::expression::Expression;
use crate::recipe::project::{asked, settings};
use crate::recipe::read::{elements, text_at};
use crate::recipe::yaml::{Key, Node, Yaml};
use crate::recipe::{ProjectTarget, Spanned, parse_duration, snake};

/// The cases of a file that has its form.
pub(super) fn cases(source: &Arc<Source>, tree: &Yaml) -> Vec<Case> {
    elements(tree, "cases").filter_map(|case| self::case(source, case)).collect()
}

fn case(source: &Arc<Source>, yaml: &Yaml) -> Option<Case> {
    let part = |key: &str| yaml.get("target").and_then(|target| text_at(target, key));
    let first = std::iter::once(run(source, yaml));
    Some(Case {
        name: text_at(yaml, "name")?,
        target: ProjectTarget {
            resource_group: part("resource_group"),
            name: part("name"),
            container: part("container"),
            environment: part("environment"),
            location: part("location"),
            ..ProjectTarget::default()
        },
        recipes: elements(yaml, "recipes").filter_map(|entry| asked(source, entry)).collect(),
        switches: yaml.get("given").map(|given| texts(given, "switches")).unwrap_or_default(),
        runs: first.chain(elements(yaml, "then").map(|then| run(source, then))).collect(),
        flipped: members(yaml, "flipped").iter().filter_map(flipped).collect(),
    })
}

fn flipped((switch, exception): &(Key, Yaml)) -> Option<Flipped> {
    Some(Flipped {
        switch: key(switch),
        status: text_at(exception, "status")?,
        because: text_at(exception, "because")?.value,
    })
}

fn run(source: &Arc<Source>, yaml: &Yaml) -> CaseRun {
    let command = text_at(yaml, "run");
    CaseRun {
        with: settings(source, yaml),
        given: yaml.get("given").map(given).unwrap_or_default(),
        command: Spanned {
            span: command.as_ref().map_or(yaml.span, |word| word.span),
            value: match command.as_ref().map(|word| word.value.as_str()) {
                Some("check") => CaseCommand::Check,
                Some("plan") => CaseCommand::Plan,
                Some("verify") => CaseCommand::Verify,
                _ => CaseCommand::Apply,
            },
        },
        again: !matches!(yaml.get("again"), Some(Yaml { node: Node::Bool(false), .. })),
        expect: expect(yaml.get("expect"), yaml.span),
    }
}

fn given(yaml: &Yaml) -> Given {
    let variable = |(name, value): &(Key, Yaml)| Some((name.text.clone(), value.text()?.to_owned()));
    Given {
        caller: text_at(yaml, "caller"),
        state: elements(yaml, "state").filter_map(edit).collect(),
        faults: texts(yaml, "faults"),
        variables: members(yaml, "variables").iter().filter_map(variable).collect(),
        after: text_at(yaml, "after").and_then(|text| parse_duration(&text)).unwrap_or_default(),
    }
}

fn edit(yaml: &Yaml) -> Option<Spanned<Edit>> {
    let edit = if let Some(name) = text_at(yaml, "variant") {
        let with = members(yaml, "with").iter().map(|(key, value)| (key.text.clone(), value.to_json()));
        Edit::Variant { name, with: with.collect() }
    } else if let Some(path) = text_at(yaml, "remove") {
        Edit::Remove(path)
    } else {
        yaml.get("merge")?;
        Edit::Merge(members(yaml, "merge").iter().map(|(path, patch)| (key(path), patch.to_json())).collect())
    };
    Some(Spanned { value: edit, span: yaml.span })
}

fn expect(yaml: Option<&Yaml>, run: Span) -> Expect {
    let place = yaml.map_or(run, |yaml| yaml.span);
    let none = Yaml { node: Node::Null, span: place };
    let yaml = yaml.unwrap_or(&none);
    let number = |key: &str| {
        let yaml = yaml.get(key)?;
        let Node::Number(number) = &yaml.node else { return None };
        Some(Spanned { value: number.as_u64()?, span: yaml.span })
    };
    Expect {
        status: text_at(yaml, "status").unwrap_or_else(|| Spanned { value: "ok".to_owned(), span: place }),
        writes: number("writes"),
        revisions: number("revisions"),
        changes: yaml.get("changes").map(|_| at(yaml, "changes", texts(yaml, "changes"))),
        findings: yaml
            .get("findings")
            .map(|_| at(yaml, "findings", elements(yaml, "findings").map(finding).collect())),
        diagnostics: yaml
            .get("diagnostics")
            .map(|_| at(yaml, "diagnostics", elements(yaml, "diagnostics").map(diagnostic).collect())),
        outputs: members(yaml, "outputs")
            .iter()
            .map(|(name, value)| (Spanned { value: snake(&name.text), span: name.span }, value.to_json()))
            .collect(),
        state: elements(yaml, "state")
            .filter_map(|query| {
                Some(Spanned { value: Expression::query(query.text()?).ok()?, span: query.span })
            })
            .collect(),
    }
}

/// The value with the place of its key.
fn at<T>(yaml: &Yaml, name: &str, value: T) -> Spanned<T> {
    let key = yaml.members().iter().find(|(key, _)| key.text == name);
    Spanned { value, span: key.map_or(yaml.span, |(key, _)| key.span) }
}

fn finding(yaml: &Yaml) -> Spanned<FindingLike> {
    let part = |key: &str| text_at(yaml, key).map(|text| text.value);
    let value = FindingLike {
        name: yaml.text().map(str::to_owned).or_else(|| part("name")),
        code: part("code"),
        status: part("status").unwrap_or_else(|| "failed".to_owned()),
        contains: part("contains"),
        recipe: part("recipe").map(|name| snake(&name)),
    };
    Spanned { value, span: yaml.span }
}

fn diagnostic(yaml: &Yaml) -> Spanned<DiagnosticLike> {
    let part = |key: &str| text_at(yaml, key).map(|text| text.value);
    let value = DiagnosticLike {
        code: yaml.text().map(str::to_owned).or_else(|| part("code")),
        contains: part("contains"),
    };
    Spanned { value, span: yaml.span }
}

fn members<'a>(yaml: &'a Yaml, key: &str) -> &'a [(Key, Yaml)] {
    yaml.get(key).map_or(&[], Yaml::members)
}

fn key(key: &Key) -> Spanned<String> {
    Spanned { value: key.text.clone(), span: key.span }
}

fn texts(yaml: &Yaml, key: &str) -> Vec<Spanned<String>> {
    elements(yaml, key)
        .filter_map(|element| Some(Spanned { value: element.text()?.to_owned(), span: element.span }))
        .collect()
}
