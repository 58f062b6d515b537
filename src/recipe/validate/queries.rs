//! What expressions say that nobody means: names out of reach within filters, comparisons that always come
//! out the same, host names of one cloud.

use super::Findings;
use super::places::{Place, Role, places};
use super::references::{CLOUD, EACH, TARGET};
use crate::diagnostic::{Diagnostic, Span, codes};
use crate::recipe::{Recipe, place};

/// Suffixes of host names that differ between clouds, and what to write instead. In the order in which the
/// longer ones come first.
const SUFFIXES: &[(&str, &str)] = &[
    (".vault.azure.net", "cloud.suffixes.key_vault"),
    (".vault.usgovcloudapi.net", "cloud.suffixes.key_vault"),
    (".vault.azure.cn", "cloud.suffixes.key_vault"),
    (".core.windows.net", "cloud.suffixes.storage"),
    (".core.usgovcloudapi.net", "cloud.suffixes.storage"),
    (".core.chinacloudapi.cn", "cloud.suffixes.storage"),
    (".database.windows.net", "cloud.suffixes.sql"),
    (".database.usgovcloudapi.net", "cloud.suffixes.sql"),
    (".database.chinacloudapi.cn", "cloud.suffixes.sql"),
    (".azurecr.io", "cloud.suffixes.acr"),
    (".azurecr.us", "cloud.suffixes.acr"),
    (".azurecr.cn", "cloud.suffixes.acr"),
    ("login.microsoftonline.com", "cloud.authority"),
    ("login.microsoftonline.us", "cloud.authority"),
    ("login.chinacloudapi.cn", "cloud.authority"),
    (".azure.com", ""),
    (".windows.net", ""),
    (".usgovcloudapi.net", ""),
    (".azure.us", ""),
    (".chinacloudapi.cn", ""),
    (".azure.cn", ""),
];

/// Host names are told at load too; they are no reason to refuse a recipe.
pub(super) fn suffixes(recipe: &Recipe, findings: &mut Findings<'_>) {
    for here in places(recipe).iter().filter(|here| here.role != Role::Words) {
        let text = here.expression.text();
        let folded = text.to_ascii_lowercase();
        let Some((suffix, instead, start)) =
            SUFFIXES.iter().find_map(|(suffix, instead)| Some((*suffix, *instead, folded.find(suffix)?)))
        else {
            continue;
        };
        let beside = if instead.is_empty() {
            "read the address from the resource, or use `${cloud.suffixes…}`".to_owned()
        } else {
            format!("read the address from the resource, or use `${{{instead}}}`")
        };
        let span = place(&recipe.source, here.span, text, Span { start, end: start + suffix.len() });
        findings.warning(codes::CLOUD_SUFFIX, span, format!("`{suffix}` is right in one cloud only"), beside);
    }
}

/// Names and comparisons.
pub(super) fn check(recipe: &Recipe, findings: &mut Findings<'_>) {
    for here in places(recipe) {
        let span = |inner| place(&recipe.source, here.span, here.expression.text(), inner);
        for doubt in here.expression.doubts() {
            findings.push(Diagnostic::error(codes::NEVER_TRUE, doubt.message).fix(doubt.help).label(
                findings.source,
                span(doubt.span),
                "",
            ));
        }
        for reference in here.expression.relative() {
            if meant(recipe, &here, &reference.path) {
                let path = reference.path.join(".");
                let message = format!("`{path}` is looked for in each element here, not in the recipe");
                findings.error(
                    codes::OUT_OF_REACH,
                    span(reference.span),
                    message,
                    format!("write `root().{path}`"),
                );
            }
        }
    }
}

/// Whether a path within a filter means the recipe: it names a thing that the recipe has.
fn meant(recipe: &Recipe, here: &Place<'_>, path: &[String]) -> bool {
    let [root, field, ..] = path else { return false };
    let field = field.as_str();
    match root.as_str() {
        "inputs" => recipe.inputs.contains_key(field),
        "data" => recipe.data.contains_key(field),
        "variables" => recipe.variables.contains_key(field),
        "outputs" => recipe.outputs.contains_key(field),
        "steps" => recipe.step(field).is_some(),
        "target" => TARGET.contains(&field),
        "cloud" => CLOUD.contains(&field),
        "each" => here.for_each.is_some() && EACH.contains(&field),
        _ => false,
    }
}
