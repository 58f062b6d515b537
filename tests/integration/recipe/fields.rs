//! The members that the type table knows are those of Microsoft's descriptions, where these are at hand.

use std::collections::BTreeSet;
use std::path::Path;

use acarecipe::azure::types;
use serde_json::Value as Json;

/// The type behind a reference.
fn at<'j>(all: &'j [Json], reference: &Json) -> &'j Json {
    let index = reference["$ref"].as_str().and_then(|text| text.rsplit('/').next()).unwrap();
    &all[index.parse::<usize>().unwrap()]
}

/// The members of the object at `pattern`; none when this version has no such object.
fn members(all: &[Json], name: &str, pattern: &str) -> BTreeSet<String> {
    let resource = all.iter().find(|one| {
        one["$type"] == "ResourceType"
            && one["name"].as_str().unwrap_or_default().starts_with(&format!("{name}@"))
    });
    let mut here = at(all, &resource.unwrap()["body"]);
    for part in pattern.split('.').filter(|part| !part.is_empty()) {
        let Some(property) = here["properties"].get(part.trim_end_matches("[]")) else {
            return BTreeSet::new();
        };
        here = at(all, &property["type"]);
        if part.ends_with("[]") {
            here = at(all, &here["itemType"]);
        }
    }
    here["properties"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
}

/// Types whose rows name members, with where Microsoft's descriptions of them are and since when those are
/// in this form.
const DESCRIBED: &[(&str, &str, &str)] = &[
    ("Microsoft.App/containerApps", "app_0/microsoft.app", "2025-01-01"),
    ("Microsoft.App/containerApps/authConfigs", "app_0/microsoft.app", "2025-01-01"),
    ("Microsoft.Storage/storageAccounts/blobServices/containers", "storage/microsoft.storage", "2025-06-01"),
    ("Microsoft.Storage/storageAccounts/fileServices/shares", "storage/microsoft.storage", "2025-06-01"),
];

#[test]
fn the_table_knows_every_member_that_microsoft_describes() {
    let Some(specs) = std::env::var_os("ACARECIPE_ARM_SPECS") else {
        eprintln!("skipped: ACARECIPE_ARM_SPECS is not set");
        return;
    };
    for (kind, folder, since) in DESCRIBED {
        let row = types::find(kind).unwrap();
        for version in row.versions.iter().filter(|version| *version >= since) {
            let file = Path::new(&specs).join(format!("bicep-types/{folder}/{version}/types.json"));
            let all: Vec<Json> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
            for (pattern, known) in row.fields {
                for member in members(&all, row.name, pattern) {
                    // The version of the description itself stands in no answer.
                    assert!(
                        member == "apiVersion" || known.contains(&member.as_str()),
                        "{kind} {version} {pattern}: {member}"
                    );
                }
            }
        }
    }
}
