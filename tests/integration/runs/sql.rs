//! The step kind `sql`: a user of a database for the app's identity, its roles, and what is left to a person.

use acarecipe::azure::sql::SERVER;
use acarecipe::diagnostic::codes;
use acarecipe::execute::{Done, Failure, Observed};
use acarecipe::plan::{ByHand, Cause, Status};
use acarecipe::sandbox::Switches;
use acarecipe::sandbox::seed::{self, variant};
use acarecipe::sandbox::state::{SqlAdministrator, SqlUser, State, sid_of};
use serde_json::json;

use super::super::support::world::{World, failed};
use super::{EXISTING, described, failure, folder, of_code, text};

const RECIPE: &[&str] = &["appdb"];
const HOST: &str = "sql-demo.database.windows.net";
/// The sid of the seeded identity's client id.
const SID: &str = "0x33333333333333438333000000000002";
const PRINT: &str = "appdb.mode=print";

const BODY: &str = "\
requires: [managed-identity]
inputs:
  roles: { type: list, items: string, default: [db_datareader, db_datawriter], description: roles }
  mode: { default: run, description: mode }
  other: { description: another name }
existing:
  server: { type: Microsoft.Sql/servers, name: sql-demo }
steps:
  - id: user
    why: the app in the database
    sql:
      server: \"${server}\"
      database: appdb
      user: { name: \"${inputs.other || managed_identity.name}\", client_id: \"${managed_identity.client_id}\" }
      roles: \"${inputs.roles}\"
      mode: \"${inputs.mode}\"
verify:
  - { that: \"${server}\", name: it is there }
";

/// An Azure, and a recipe that has one step of the kind.
struct Place {
    world: World,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place::in_world(World::new())
    }

    fn faulty(fault: &str) -> Place {
        Place::in_world(World::with(Switches::default(), vec![fault.parse().unwrap()]))
    }

    fn in_world(mut world: World) -> Place {
        let folder = folder(&[("appdb", BODY)]);
        world.folders = vec![folder.path().to_owned()];
        Place { world, _folder: folder }
    }

    fn edited(mut self, change: impl FnOnce(&mut State)) -> Place {
        self.world = self.world.edited(change);
        self
    }

    fn called_by(mut self, caller: &str) -> Place {
        self.world = self.world.called_by(caller);
        self
    }

    fn users(&self) -> Vec<(String, SqlUser)> {
        let state = self.world.sandbox.state();
        let database = &state.sql_server(seed::SQL_SERVER).unwrap().databases[seed::SQL_DATABASE];
        database.users.clone().into_iter().collect()
    }

    /// `name: role, role` of each user.
    fn roles(&self) -> Vec<String> {
        let told = |(name, user): (String, SqlUser)| {
            format!("{name}: {}", user.roles.into_iter().collect::<Vec<_>>().join(", "))
        };
        self.users().into_iter().map(told).collect()
    }

    /// Batches that were more than a look.
    fn scripts(&self) -> usize {
        self.world.sandbox.exchanges().iter().filter(|one| one.method == "BATCH").count()
    }

    fn looks(&self) -> usize {
        self.world.sandbox.exchanges().iter().filter(|one| one.method == "SELECT").count()
    }

    /// An administrator runs a script.
    fn by_hand(&self, script: &str) {
        let answer = self.world.sandbox.sql(HOST, seed::SQL_DATABASE, "sandbox-owner", script, &[]);
        assert_eq!(answer.unwrap_or_else(|error| panic!("{error:?}\n{script}")), Vec::<Vec<_>>::new());
    }
}

#[track_caller]
fn left(observed: &Observed) -> &ByHand {
    match observed.plan.by_hand.as_slice() {
        [one] => one,
        other => panic!("{other:#?}"),
    }
}

fn script(observed: &Observed) -> String {
    left(observed).script.clone().unwrap()
}

fn of_app(place: &Place) -> String {
    let client =
        place.world.sandbox.state().app(seed::APP).unwrap().identity.system.clone().unwrap().client_id;
    sid_of(&client.parse().unwrap())
}

#[test]
fn a_new_identity_becomes_a_user_with_its_roles_and_the_second_run_writes_nothing() {
    let place = Place::new();
    let run = place.world.apply(RECIPE, &[]);
    assert!(failed(&run.findings()).is_empty(), "{:#?}", run.findings());
    let done: Vec<&str> = run.applied.writes.iter().map(|write| write.what.as_str()).collect();
    assert_eq!(done, ["change the container app ca-demo", "create the sql user ca-demo in appdb"]);
    assert_eq!(place.roles(), ["ca-demo: db_datareader, db_datawriter"]);
    let (_, user) = place.users().remove(0);
    assert_eq!((user.sid, user.kind.as_str()), (of_app(&place), "E"));
    let findings = run.findings();
    let finding = findings.iter().find(|one| one.name == "the app in the database").unwrap();
    assert_eq!(finding.status, Status::Passed);
    assert!(text(finding).contains("sql user ca-demo in appdb: db_datareader, db_datawriter"), "{finding:?}");
    assert_eq!(place.scripts(), 1);
    let again = place.world.apply(RECIPE, &[]);
    assert!(again.applied.writes.is_empty() && again.ok().plan.by_hand.is_empty());
    assert_eq!(place.scripts(), 1);
    described(&place.world);
}

#[test]
fn an_identity_that_is_there_is_written_beside_the_app_and_every_write_passes_the_hook() {
    let place = Place::new();
    let run = place.world.apply(RECIPE, &[EXISTING]);
    assert!(failed(&run.findings()).is_empty(), "{:#?}", run.findings());
    assert_eq!(place.users()[0].1.sid, SID);
    assert_eq!(place.roles(), ["id-demo: db_datareader, db_datawriter"]);
    let seen = place.world.seen.writes.lock().unwrap();
    let (record, end) = seen.iter().find(|(record, _)| record.path.contains(SERVER)).unwrap();
    assert!(record.path.ends_with("/databases/appdb/users/id-demo"), "{record:?}");
    assert!(end.is_some() && record.owned.len() == 3, "{record:?}");
    let told = format!("{seen:?} {:?}", place.world.seen.events.lock().unwrap());
    assert!(!told.contains("sandbox-owner"), "the token is in nobody's account");
}

#[test]
fn only_what_is_missing_is_given_back_and_roles_of_others_stay() {
    let place = Place::new()
        .edited(|state| variant::sql_user(state, "id-demo", SID, &["db_datareader", "db_ddladmin"]));
    let planned = place.world.plan(RECIPE, &[EXISTING]).unwrap();
    let user = planned.plan.writes.iter().find_map(|write| write.user(&planned.plan.steps)).unwrap();
    let missing: Vec<&str> = user.missing.iter().map(acarecipe::azure::sql::Name::as_str).collect();
    assert_eq!(missing, ["db_datawriter"]);
    place.world.apply(RECIPE, &[EXISTING]);
    assert_eq!(place.roles(), ["id-demo: db_datareader, db_datawriter, db_ddladmin"]);
    // Drift: somebody takes the user away.
    place.world.sandbox.edit(|state| {
        let server = state.sql_server_mut(seed::SQL_SERVER).unwrap();
        server.databases.get_mut(seed::SQL_DATABASE).unwrap().users.clear();
    });
    let findings = place.world.verify(RECIPE, &[EXISTING]);
    let only = failed(&findings);
    assert!(only.len() == 1 && only[0].name == "the app in the database", "{only:#?}");
}

#[test]
fn print_writes_nothing_and_its_script_may_be_run_twice() {
    let place = Place::new();
    let run = place.world.apply(RECIPE, &[PRINT]);
    let findings = run.findings();
    assert!(failed(&findings).is_empty());
    let finding = findings.iter().find(|one| one.name == "the app in the database").unwrap();
    assert_eq!(finding.status, Status::ActionRequired);
    assert_eq!((place.scripts(), place.users().len()), (0, 0));
    let end = run.ok();
    assert_eq!(left(end).cause, Cause::Asked);
    let script = script(end);
    place.by_hand(&script);
    let made = place.users();
    place.by_hand(&script);
    assert_eq!(place.users(), made);
    assert_eq!(place.roles(), ["ca-demo: db_datareader, db_datawriter"]);
    let again = place.world.apply(RECIPE, &[PRINT]);
    assert!(again.ok().plan.by_hand.is_empty(), "what is in place is nobody's to do");
    let found = again.findings();
    assert_eq!(
        found.iter().find(|one| one.name == "the app in the database").unwrap().status,
        Status::Passed
    );
}

#[test]
fn print_has_no_script_before_the_identity_is_there() {
    let place = Place::new();
    let planned = place.world.plan(RECIPE, &[PRINT]).unwrap();
    assert!(left(&planned).script.is_none());
    assert!(!planned.plan.blocked());
}

#[test]
fn who_may_not_log_in_changes_everything_else_and_gets_the_script() {
    let place = Place::new().called_by("contributor");
    let planned = place.world.plan(RECIPE, &[]).unwrap();
    assert!(!planned.plan.blocked(), "{:#?}", failed(&planned.plan.prerequisites));
    let finding = of_code(&planned.plan.prerequisites, codes::DATABASE);
    assert_eq!(finding.status, Status::CouldNotCheck);
    assert!(text(finding).contains("az sql server ad-admin list --resource-group rg-demo --server sql-demo"));
    let run = place.world.apply(RECIPE, &[]);
    assert_eq!(run.applied.writes.len(), 1, "the identity");
    let findings = run.findings();
    assert!(failed(&findings).is_empty(), "never missing: {findings:#?}");
    let finding = findings.iter().find(|one| one.name == "the app in the database").unwrap();
    assert_eq!(finding.status, Status::CouldNotCheck);
    assert!(text(finding).contains("18456"), "{finding:?}");
    assert_eq!(left(run.ok()).cause, Cause::Unseen);
    place.by_hand(&script(run.ok()));
    assert_eq!(place.roles(), ["ca-demo: db_datareader, db_datawriter"]);
    assert_eq!(place.users()[0].1.sid, of_app(&place));
}

#[test]
fn a_closed_firewall_is_told_with_the_command_that_opens_it() {
    let place = Place::new().edited(|state| {
        state.sql_server_mut(seed::SQL_SERVER).unwrap().firewall_rules.remove("office");
    });
    let planned = place.world.plan(RECIPE, &[EXISTING]).unwrap();
    let finding = of_code(&planned.plan.prerequisites, codes::DATABASE);
    assert_eq!(finding.status, Status::CouldNotCheck);
    let said = text(finding);
    assert!(said.contains("40615") && said.contains("az sql server firewall-rule create"), "{said}");
    assert!(said.contains("--start-ip-address 203.0.113."), "{said}");
    let closed = Place::new().edited(|state| variant::sql_closed(state, seed::SQL_SERVER, true));
    let planned = closed.world.plan(RECIPE, &[EXISTING]).unwrap();
    assert_eq!(left(&planned).cause, Cause::Unseen);
}

#[test]
fn a_user_of_the_name_for_another_identity_is_left_to_a_person() {
    let other = sid_of(&"77777777-7777-4777-8777-777777777777".parse().unwrap());
    let stale = |name: &'static str| {
        let other = other.clone();
        move |state: &mut State| variant::sql_user(state, name, &other, &["db_owner"])
    };
    for (parameters, name) in [(vec![], "ca-demo"), (vec![EXISTING], "id-demo")] {
        let place = Place::new().edited(stale(name));
        let Err(planned) = place.world.try_apply(RECIPE, &parameters) else {
            panic!("nothing stood in the way")
        };
        let only = failed(&planned.plan.prerequisites);
        assert!(only.len() == 1 && only[0].code == codes::SQL_USER, "{only:#?}");
        assert_eq!((place.scripts(), place.roles()), (0, vec![format!("{name}: db_owner")]));
    }
    let place = Place::new().edited(stale("id-demo"));
    let planned = place.world.plan(RECIPE, &[EXISTING]).unwrap();
    let script = script(&planned);
    assert!(script.contains("DROP USER [id-demo]"), "{script}");
    place.by_hand(&script);
    place.by_hand(&script);
    assert_eq!(place.roles(), ["id-demo: db_datareader, db_datawriter"]);
    assert!(place.world.apply(RECIPE, &[EXISTING]).ok().plan.by_hand.is_empty());
    // Whoever asked for a script gets that one.
    let place = Place::new().edited(stale("id-demo"));
    let run = place.world.apply(RECIPE, &[EXISTING, PRINT]);
    assert_eq!(left(run.ok()).cause, Cause::Asked);
    assert!(left(run.ok()).script.as_ref().unwrap().contains("DROP USER"));
}

#[test]
fn an_identity_with_a_user_of_another_name_keeps_it() {
    let place = Place::new().edited(|state| variant::sql_user(state, "my app]", SID, &[]));
    let run = place.world.apply(RECIPE, &[EXISTING]);
    assert!(
        run.applied.writes.iter().any(|write| write.what == "change the sql user my app] in appdb"),
        "{:?}",
        run.applied
    );
    assert_eq!(place.roles(), ["my app]: db_datareader, db_datawriter"]);
    assert!(place.world.apply(RECIPE, &[EXISTING]).applied.writes.is_empty());
}

#[test]
fn who_may_look_and_not_write_is_told_before_the_first_write() {
    let place = Place::new().called_by("contributor").edited(|state| {
        let principal = state.callers["contributor"].principal.parse().unwrap();
        variant::sql_user(state, "contributor", &sid_of(&principal), &["db_securityadmin"]);
    });
    let Err(planned) = place.world.try_apply(RECIPE, &[]) else { panic!("nothing stood in the way") };
    let left = left(&planned);
    assert_eq!(left.cause, Cause::NoRight, "{left:?}");
    let only = failed(&planned.plan.prerequisites);
    assert!(only.len() == 1 && only[0].code == codes::PERMISSION, "{only:#?}");
    assert!(place.world.sandbox.exchanges().iter().all(|one| !one.is_write()));
}

/// Of members of the group that administers a server the functions of membership tell nothing that holds.
#[test]
fn a_member_of_the_group_that_administers_writes() {
    let place = Place::new().called_by("contributor").edited(|state| {
        let group = "99999999-9999-4999-8999-999999999999".to_owned();
        let server = state.sql_server_mut(seed::SQL_SERVER).unwrap();
        server.administrator =
            Some(SqlAdministrator { login: "dba".to_owned(), sid: group.clone(), tenant: String::new() });
        let member = state.callers["contributor"].principal.clone();
        state.members.insert(group, vec![member]);
    });
    let run = place.world.apply(RECIPE, &[EXISTING]);
    assert!(failed(&run.findings()).is_empty(), "{:#?}", run.findings());
    assert_eq!(place.roles(), ["id-demo: db_datareader, db_datawriter"]);
}

/// A role that is in the role gives what the role gives, and may be taken out of it: what counts is the user
/// itself, for the look and for the script.
#[test]
fn a_user_that_is_in_a_role_by_another_role_is_put_into_it() {
    let place = Place::new().edited(|state| {
        variant::sql_user(state, "id-demo", SID, &["app_readers", "db_datawriter"]);
        let server = state.sql_server_mut(seed::SQL_SERVER).unwrap();
        let database = server.databases.get_mut(seed::SQL_DATABASE).unwrap();
        database.roles.insert("app_readers".to_owned());
        database.nested.insert("app_readers".to_owned(), ["db_datareader".to_owned()].into());
    });
    let run = place.world.apply(RECIPE, &[EXISTING]);
    assert!(failed(&run.findings()).is_empty(), "{:#?}", run.findings());
    assert_eq!(place.roles(), ["id-demo: app_readers, db_datareader, db_datawriter"]);
    assert!(place.world.apply(RECIPE, &[EXISTING]).applied.writes.is_empty());
}

/// An id is taken apart by its parts, not by a word that may be a name.
#[test]
fn a_server_named_databases_is_asked_too() {
    let group = seed::group_id("rg-demo");
    let mut place = Place::new().edited(|state| variant::sql_server_elsewhere(state, "databases", &group));
    let folder = folder(&[("appdb", &BODY.replace("name: sql-demo", "name: databases"))]);
    place.world.folders = vec![folder.path().to_owned()];
    let planned = place.world.plan(RECIPE, &[EXISTING]).unwrap();
    assert!(planned.plan.by_hand.is_empty(), "{:#?}", planned.plan.by_hand);
    assert!(planned.plan.writes.iter().any(|write| write.user(&planned.plan.steps).is_some()));
}

#[test]
fn who_does_not_see_users_does_not_call_them_missing() {
    let place = Place::new().called_by("contributor").edited(|state| {
        let principal = state.callers["contributor"].principal.parse().unwrap();
        variant::sql_user(state, "contributor", &sid_of(&principal), &["db_datareader"]);
        variant::sql_user(state, "id-demo", SID, &["db_datareader", "db_datawriter"]);
    });
    let planned = place.world.plan(RECIPE, &[EXISTING]).unwrap();
    assert_eq!(left(&planned).cause, Cause::Unseen);
    assert!(left(&planned).reason.contains("VIEW DEFINITION"), "{}", left(&planned).reason);
}

#[test]
fn a_script_whose_answer_is_lost_is_looked_for_before_it_is_sent_again() {
    for (fault, scripts) in [
        ("match=BATCH:/appdb reset-after", 1),
        ("match=BATCH:/appdb silence-after", 1),
        ("match=BATCH:/appdb reset-before", 2),
        ("match=BATCH:/appdb status=503", 2),
    ] {
        let place = Place::faulty(fault);
        let run = place.world.apply(RECIPE, &[EXISTING]);
        assert!(failed(&run.findings()).is_empty(), "{fault}: {:#?}", run.findings());
        assert_eq!(place.roles(), ["id-demo: db_datareader, db_datawriter"], "{fault}");
        assert_eq!(place.scripts(), scripts, "{fault}");
        let done = run.applied.writes.iter().filter(|write| write.what.contains("sql user")).count();
        assert_eq!((done, run.applied.unanswered.len()), (1, 0), "{fault}");
    }
}

#[test]
fn a_script_that_failed_and_cannot_be_looked_for_ends_the_run_and_is_left_to_a_person() {
    let faults = ["match=BATCH:/appdb silence-before", "match=SELECT:/appdb nth=3 times=99 silence-before"];
    let faults = faults.map(|fault| fault.parse().unwrap()).to_vec();
    let place = Place::in_world(World::with(Switches::default(), faults));
    let run = place.world.apply(RECIPE, &[EXISTING]);
    let (end, _, said) = failure(&run);
    assert!(matches!(end, Failure::Deadline(_)), "{end:?}");
    assert!(said.contains("while trying to create the sql user id-demo in appdb"), "{said}");
    assert!(said.contains("whether it is in place cannot be told"), "{said}");
    let about = |write: &Done| write.what.contains("sql user");
    assert!(!run.applied.writes.iter().any(about), "{:?}", run.applied);
    assert!(run.applied.unanswered.iter().any(about), "it may have taken effect: {:?}", run.applied);
    let [left] = run.applied.by_hand.as_slice() else { panic!("{:?}", run.applied) };
    place.by_hand(left.script.as_ref().unwrap());
    assert_eq!(place.roles(), ["id-demo: db_datareader, db_datawriter"]);
}

#[test]
fn a_database_that_wakes_up_is_asked_again() {
    let place = Place::faulty("match=SELECT:/appdb status=503");
    let planned = place.world.plan(RECIPE, &[EXISTING]).unwrap();
    assert!(planned.plan.by_hand.is_empty() && place.looks() == 2, "{}", place.looks());
    // One that is silent is given up in a minute.
    let place = Place::faulty("match=SELECT:/appdb silence-before");
    let planned = place.world.plan(RECIPE, &[EXISTING]).unwrap();
    assert!(left(&planned).reason.contains("did not answer in time on port 1433"), "{:?}", left(&planned));
}

#[test]
fn no_token_goes_where_the_server_says_it_is() {
    let place = Place::new().edited(|state| {
        let server = state.sql_server_mut(seed::SQL_SERVER).unwrap();
        server.properties["fullyQualifiedDomainName"] = json!("sql-demo.evil.example");
    });
    let planned = place.world.plan(RECIPE, &[EXISTING]).unwrap();
    let reason = &left(&planned).reason;
    assert!(reason.contains("tokens go to sql-demo.database.windows.net only"), "{reason}");
    assert_eq!(place.looks() + place.scripts(), 0);
}

#[test]
fn roles_that_give_rights_and_names_that_are_none_are_refused_before_anything_is_asked() {
    for (parameter, code, words) in [
        ("appdb.roles=db_owner", codes::ROLE_REFUSED, "give rights away"),
        ("appdb.roles=DB_SecurityAdmin", codes::ROLE_REFUSED, "give rights away"),
        ("appdb.roles=db_accessadmin", codes::ROLE_REFUSED, "give rights away"),
        ("appdb.roles=public", codes::BAD_VALUE, "every user"),
        ("appdb.mode=maybe", codes::BAD_VALUE, "`run` or `print`"),
        ("appdb.other=$(x)", codes::BAD_NAME, "scripts"),
        ("appdb.roles=[\"a\\u0007\"]", codes::BAD_NAME, "not seen"),
    ] {
        let place = Place::new();
        let Err(planned) = place.world.try_apply(RECIPE, &[EXISTING, parameter]) else {
            panic!("{parameter}")
        };
        let problem = planned.plan.problems.iter().find(|one| one.code == code);
        let problem = problem.unwrap_or_else(|| panic!("{parameter}: {:#?}", planned.plan.problems));
        assert!(problem.message.contains(words), "{parameter}: {}", problem.message);
        assert_eq!(place.looks() + place.scripts(), 0, "{parameter}");
    }
    let place = Place::new();
    let Err(planned) = place.world.try_apply(RECIPE, &[EXISTING, "appdb.roles=app_readers"]) else {
        panic!()
    };
    assert!(
        planned.plan.problems.iter().any(|one| one.code == codes::NO_SUCH_ROLE),
        "{:#?}",
        planned.plan.problems
    );
}

#[test]
fn a_name_full_of_quotes_is_one_user() {
    let name = "x]; DROP USER [dbo]; --'; SELECT 1 应用";
    let place = Place::new();
    let parameter = format!("appdb.other={name}");
    let run = place.world.apply(RECIPE, &[EXISTING, &parameter]);
    assert!(failed(&run.findings()).is_empty(), "{:#?}", run.findings());
    assert_eq!(place.roles(), [format!("{name}: db_datareader, db_datawriter")]);
    assert!(place.world.apply(RECIPE, &[EXISTING, &parameter]).applied.writes.is_empty());
}

#[test]
fn a_user_of_the_name_that_appears_meanwhile_gets_no_role() {
    let place = Place::new();
    let planned = place.world.plan(RECIPE, &[EXISTING]).unwrap();
    let user = planned.plan.writes.iter().find_map(|write| write.user(&planned.plan.steps)).unwrap();
    let script = acarecipe::azure::sql::script(&user.name, &user.client_id.unwrap(), &user.missing);
    let other = sid_of(&"77777777-7777-4777-8777-777777777777".parse().unwrap());
    place.world.sandbox.edit(|state| variant::sql_user(state, "id-demo", &other, &[]));
    let answer = place.world.sandbox.sql(HOST, seed::SQL_DATABASE, "sandbox-owner", &script, &[]);
    assert_eq!(answer.unwrap_err().0, acarecipe::azure::sql::OTHER_IDENTITY);
    assert_eq!(place.roles(), ["id-demo: "]);
}
