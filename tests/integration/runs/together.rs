//! Every recipe in one run: what it costs the app, with either kind of identity.

use acarecipe::recipe::Catalogue;
use acarecipe::sandbox::seed;

use super::super::support::world::writes;
use super::*;

/// Not among them: what is made of a folder of the caller's, what delivers the one template write in stages
/// (`rollouts` counts those, also beside other recipes), and what works on no app.
const OTHERWISE: [&str; 4] = ["custom-container", "jobs", "native-dependencies", "revision-validation"];

/// One secret, with the name of the recipe that it is for: another one has an input of that name.
const NAMED: &str = "key-vault-reference.secrets.DB_PASSWORD=db-password";

/// A certificate that is only asked for: with `require` nothing that has none could look at the app any more.
const ASKED_FOR: &str = "mtls-client-certificates.mode=accept";

/// What a domain takes beyond the template's write: its name once DNS has the records, and the binding.
const STAGES: usize = 2;

/// All other recipes that are built in.
fn all() -> Vec<String> {
    let catalogue = Catalogue::built_in().unwrap();
    let names = catalogue.recipes().map(|recipe| recipe.name.value.clone());
    let names: Vec<String> = names.filter(|name| !OTHERWISE.contains(&name.as_str())).collect();
    assert!(names.len() >= 8, "{names:?}");
    names
}

/// The seeded Azure, and the catalogue's variables as its owner has them set.
fn world() -> World {
    let mut world = World::new();
    let set = seed::DEFAULTS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    world.variables.extend(set);
    world
}

/// The requests that write to the app itself.
fn of_app(world: &World) -> usize {
    let own = seed::app_id().to_lowercase();
    writes(&world.sandbox.exchanges()).iter().filter(|(_, path)| path.to_lowercase() == own).count()
}

/// Runs all of them twice: `app` writes of the app, one revision, each other thing written once.
#[track_caller]
fn costs(parameters: &[&str], app: usize) {
    let (world, all) = (world(), all());
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let before = super::app(&world).revisions.len();
    let run = works_and_stays(&world, &all, parameters);
    assert_eq!(of_app(&world), app, "{:#?}", run.applied.writes);
    assert_eq!(run.applied.revisions.len(), 1);
    assert_eq!(super::app(&world).revisions.len(), before + 1);
    let mut resources: Vec<String> =
        run.applied.writes.iter().map(|write| write.resource.to_lowercase()).collect();
    let (written, own) = (resources.len(), seed::app_id().to_lowercase());
    resources.retain(|resource| *resource != own);
    let others = resources.len();
    resources.sort();
    resources.dedup();
    assert_eq!(resources.len(), others, "nothing else is written twice");
    assert_eq!(written, others + app);
    let again = world.apply(&all, parameters);
    assert!(again.ok().plan.writes.is_empty() && again.applied.writes.is_empty());
    assert_eq!(of_app(&world), app);
    described(&world);
}

#[test]
fn a_system_identity_costs_one_write_of_it_and_one_of_the_template() {
    costs(&[NAMED, ASKED_FOR], 2 + STAGES);
}

#[test]
fn an_identity_of_its_own_costs_one_write_of_the_app() {
    costs(&[NAMED, ASKED_FOR, EXISTING], 1 + STAGES);
}
