//! A saved plan that was damaged or edited is refused, or means the same.

use acarecipe::execute::described;
use acarecipe::plan::{SavedFor, SavedPlan, SavedStanding, Selection, Target, Unusable};
use proptest::prelude::*;

use crate::support::world::{START, World};

fn asked<'a>(selection: &'a Selection, target: &'a Target) -> SavedFor<'a> {
    SavedFor {
        selection,
        target,
        sandbox: true,
        endpoint: "https://management.azure.com/",
        tenant: target.tenant.as_deref(),
        retry: false,
    }
}

fn saved(recipes: &[&str], parameters: &[&str]) -> (SavedPlan, SavedStanding) {
    let world = World::new();
    let (selection, target) = (world.selection(recipes, parameters), world.target());
    let plan = world.plan(recipes, parameters).unwrap().plan;
    let saved = SavedPlan::of(asked(&selection, &target), &plan, &described(&plan), START);
    (saved.clone(), SavedStanding::of(&plan, saved))
}

fn both() -> (SavedPlan, SavedStanding) {
    saved(&["key-vault-reference"], &["secrets.DB_PASSWORD=db-password"])
}

#[test]
fn what_was_saved_is_read_as_it_was() {
    let (plan, standing) = both();
    let text = plan.to_text();
    let read = SavedPlan::parse(text.as_bytes()).unwrap();
    assert_eq!(read, plan);
    assert_eq!(read.approves(&standing), Ok(0));
    assert!(read.changes() > 2, "{text}");
    let world = World::new();
    let (selection, target) =
        (world.selection(&["key-vault-reference"], &["secrets.DB_PASSWORD=db-password"]), world.target());
    assert_eq!(read.is_for(asked(&selection, &target)), Ok(()));
}

/// Every cut and every byte of the file with each of its bits turned.
#[test]
fn every_cut_and_every_turned_bit_is_refused_or_means_the_same() {
    let (plan, _) = both();
    let bytes = plan.to_text().into_bytes();
    for end in 0..bytes.len() - 1 {
        let error = SavedPlan::parse(&bytes[..end]).expect_err("a part of a plan is none");
        assert!(matches!(error, Unusable::CutOff), "{end}: {error:?}");
    }
    let (mut refused, mut same) = (0, 0);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut turned = bytes.clone();
            turned[at] ^= 1 << bit;
            match SavedPlan::parse(&turned) {
                Ok(read) => {
                    assert_eq!(read, plan, "byte {at}, bit {bit}");
                    same += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    // White space turned into other white space, and nothing else.
    assert!(refused > 50 * same, "{refused} refused, {same} the same");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any bytes in any place: refused, or the same plan.
    #[test]
    fn any_edit_is_refused_or_means_the_same(
        at in 0_usize..4000,
        gone in 0_usize..40,
        put in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let (plan, _) = cached();
        let mut bytes = plan.to_text().into_bytes();
        let at = at % bytes.len();
        let end = (at + gone).min(bytes.len());
        bytes.splice(at..end, put);
        if let Ok(read) = SavedPlan::parse(&bytes) {
            prop_assert_eq!(&read, plan);
        }
    }

    /// Anything at all: no panic.
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(SavedPlan::parse(&bytes).is_err());
    }
}

fn cached() -> &'static (SavedPlan, SavedStanding) {
    static ONE: std::sync::OnceLock<(SavedPlan, SavedStanding)> = std::sync::OnceLock::new();
    ONE.get_or_init(both)
}
