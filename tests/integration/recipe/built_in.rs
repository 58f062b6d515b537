//! The recipes that come with the program.

use acarecipe::recipe::{Catalogue, validate};

#[test]
fn built_in_recipes_load_and_mean_something() {
    let catalogue = Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    for recipe in catalogue.recipes() {
        let mistakes = validate(recipe, &catalogue);
        assert!(mistakes.is_empty(), "{mistakes:#?}");
        assert!(catalogue.page(recipe).unwrap().is_some_and(|page| page.starts_with("# ")));
    }
}
