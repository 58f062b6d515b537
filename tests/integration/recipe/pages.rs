//! What the recipes' pages say of permissions is what `show` derives from the recipes.

use std::collections::BTreeSet;

use acarecipe::recipe::Catalogue;
use acarecipe::report::rights;

/// Action and smallest role of each row of the page's table, but for rights to read and for what is no
/// action of Azure Resource Manager.
fn rows(page: &str) -> BTreeSet<(String, String)> {
    let (_, section) = page.split_once("\n## Permissions\n").expect("the page speaks of permissions");
    let section = section.split("\n## ").next().unwrap_or_default();
    section
        .lines()
        .filter(|line| line.starts_with("| `Microsoft."))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            (cells[0].trim_matches('`').to_owned(), cells[2].trim_end_matches('|').trim().to_owned())
        })
        .filter(|(action, _)| !action.ends_with("/read"))
        .collect()
}

#[test]
fn the_tables_of_the_pages_say_what_the_steps_need() {
    let catalogue = Catalogue::built_in().unwrap();
    let mut compared = 0;
    for recipe in catalogue.recipes() {
        let page = catalogue.page(recipe).unwrap().expect("every recipe has a page");
        let derived: BTreeSet<(String, String)> =
            rights(recipe).into_iter().map(|right| (right.action, right.role.to_owned())).collect();
        assert_eq!(rows(&page), derived, "{}", recipe.name.value);
        // Those of required recipes stand there.
        for required in &recipe.requires {
            let link = format!("](../{}/README.md#permissions)", required.recipe.value);
            assert!(page.contains(&link), "{}: {link}", recipe.name.value);
        }
        compared += derived.len();
    }
    assert!(compared >= 10, "{compared}");
}
