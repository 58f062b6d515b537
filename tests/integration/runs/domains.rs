//! Stages of a custom domain, what is claimed, and certificates that are brought along.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use acarecipe::azure::certificate::{encoded, judge};
use acarecipe::diagnostic::codes;
use acarecipe::execute::{Hook, WriteEnd, WriteRecord};
use acarecipe::sandbox::Switches;
use acarecipe::sandbox::seed::variant::domains;
use serde_json::json;
use time::Duration;

use super::super::runs_faults::attempt_with;
use super::super::support::certificates::{Made, made};
use super::super::support::world::{START, writes};
use super::*;

const HOST: &str = "shop.contoso.example";
const OWN: &str = "ca-demo.happyfield-12345678.westeurope.azurecontainerapps.io";

/// The stages alone.
const STAGES: &str = "
inputs:
  host: { required: true, description: The host name. }
steps:
  - id: named
    why: the app has the host name
    container_app:
      configuration: { ingress: { customDomains: [{ name: \"${inputs.host}\", bindingType: { $patch: default, value: Disabled } }] } }
  - id: ordered
    after: [named]
    why: Azure issues a certificate for it
    timeout: 20m
    resource:
      type: Microsoft.App/managedEnvironments/managedCertificates
      parent: \"${environment}\"
      name: mc-host
      match: [properties.subjectName]
      body:
        location: { $patch: default, value: \"${environment.location}\" }
        properties: { subjectName: \"${inputs.host}\", domainControlValidation: { $patch: default, value: CNAME } }
  - id: bound
    after: [ordered]
    why: the host name is served with it
    container_app:
      configuration: { ingress: { customDomains: [{ name: \"${inputs.host}\", bindingType: SniEnabled, certificateId: \"${steps.ordered.id}\" }] } }
";

/// Something of another recipe that makes a revision, and waits for a role.
const TEMPLATE: &str = "
steps:
  - id: variable
    why: the app knows
    container_app: { template: { containers: [{ name: \"${container.name}\", env: [{ name: X, value: one }] }] } }
";

fn world_with(recipes: &[(&str, &str)]) -> (tempfile::TempDir, World) {
    let folder = folder(recipes);
    let mut world = World::new();
    world.folders = vec![folder.path().to_owned()];
    pointed(&world);
    (folder, world)
}

/// DNS as it has to be.
fn pointed(world: &World) {
    world.sandbox.edit(|state| {
        domains::record(state, HOST, "CNAME", OWN);
        let subscription = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_DNS, seed::SUBSCRIPTION.as_bytes());
        let proof = format!("{0}{0}", subscription.simple()).to_uppercase();
        domains::record(state, &format!("asuid.{HOST}"), "TXT", &proof);
    });
}

fn staged() -> (tempfile::TempDir, World) {
    world_with(&[("domain", STAGES), ("template", TEMPLATE)])
}

const PARAMETER: &str = "domain.host=shop.contoso.example";

fn domain_of(world: &World) -> Json {
    app(world).configuration()["ingress"]["customDomains"][0].clone()
}

/// What was sent, in order: the method, and of which type.
fn sent(world: &World) -> Vec<String> {
    let kind = |path: &str| path.rsplit('/').nth(1).unwrap_or_default().to_owned();
    writes(&world.sandbox.exchanges())
        .iter()
        .map(|(method, path)| format!("{method} {}", kind(path)))
        .collect()
}

#[test]
fn a_template_goes_first_and_waits_for_neither_host_name_nor_certificate() {
    let (_folder, world) = staged();
    let run = works_and_stays(&world, &["template", "domain"], &[PARAMETER]);
    let app_is = "PATCH containerApps";
    assert_eq!(sent(&world), [app_is, app_is, "PUT managedCertificates", app_is]);
    assert_eq!(app(&world).revisions.len(), 2);
    assert_eq!(domain_of(&world)["bindingType"], "SniEnabled");
    assert_eq!(run.planned.plan.writes.len(), 4);
    // The first of them has the template and no host name, and the others nothing of the template.
    let bodies: Vec<Json> = world
        .sandbox
        .exchanges()
        .iter()
        .filter(|one| one.is_write())
        .map(|one| one.request_body.clone().unwrap_or_default())
        .collect();
    let template = |body: &Json| body["properties"]["template"].is_object();
    assert!(template(&bodies[0]) && !template(&bodies[1]) && !template(&bodies[3]));
    let domains = |body: &Json| body["properties"]["configuration"]["ingress"]["customDomains"].clone();
    assert!(domains(&bodies[0]).is_null());
    assert_eq!(domains(&bodies[1]), json!([{ "name": HOST, "bindingType": "Disabled" }]));
    assert_eq!(domains(&bodies[3])[0]["bindingType"], "SniEnabled");
    described(&world);
}

#[test]
fn a_proof_that_azure_does_not_see_holds_up_no_template() {
    let (_folder, world) = staged();
    world.sandbox.edit(|state| domains::no_record(state, &format!("asuid.{HOST}"), "TXT"));
    let run = world.apply(&["template", "domain"], &[PARAMETER]);
    let (_, _, said) = failure(&run);
    assert!(said.contains("InvalidCustomHostNameValidation"), "{said}");
    assert_eq!(variable(&app(&world), seed::APP, "X")["value"], "one");
    assert_eq!(app(&world).revisions.len(), 2);
    assert!(domain_of(&world).is_null());
    pointed(&world);
    works_and_stays(&world, &["template", "domain"], &[PARAMETER]);
    // A host name that is there already is not proved again, and so waits for nobody.
    let (_folder, world) = staged();
    world.sandbox.edit(|state| {
        domains::custom_domain(state, HOST, None);
        domains::managed_certificate(state, "mc-host", HOST, "Succeeded", START);
    });
    works_and_stays(&world, &["template", "domain"], &[PARAMETER]);
    assert_eq!(sent(&world), ["PATCH containerApps"]);
}

/// Stops before the write after so many.
struct Stops(AtomicUsize);

impl Hook for Stops {
    fn before(&self, _: &WriteRecord) -> Result<(), String> {
        let left = self.0.load(Ordering::SeqCst);
        self.0.store(left.saturating_sub(1), Ordering::SeqCst);
        if left == 0 { Err("stopped here".to_owned()) } else { Ok(()) }
    }

    fn after(&self, _: &WriteRecord, _: &WriteEnd) {}
}

#[test]
fn stopped_before_any_write_the_next_run_goes_on_from_there() {
    for count in 0..4 {
        let (_folder, world) = staged();
        let selection = world.selection(&["template", "domain"], &[PARAMETER]);
        let mut executor = world.executor();
        executor.hook = Arc::new(Stops(AtomicUsize::new(count)));
        let stopped = attempt_with(&world, &executor, &selection);
        assert!(stopped.end.is_err(), "{count}");
        let before = sent(&world).len();
        assert_eq!(before, count);
        let run = works_and_stays(&world, &["template", "domain"], &[PARAMETER]);
        assert_eq!(run.applied.writes.len(), 4 - count, "{count}");
        assert_eq!(domain_of(&world)["bindingType"], "SniEnabled", "{count}");
        assert_eq!(app(&world).revisions.len(), 2, "{count}");
    }
}

#[test]
fn a_binding_that_works_is_never_undone_on_the_way_to_another() {
    let (_folder, world) = staged();
    world.sandbox.edit(|state| {
        let old = domains::certificate(state, "old", HOST, START, 10);
        domains::custom_domain(state, HOST, Some(&old));
    });
    works_and_stays(&world, &["domain"], &[PARAMETER]);
    assert_eq!(sent(&world), ["PUT managedCertificates", "PATCH containerApps"]);
    assert!(
        world
            .sandbox
            .exchanges()
            .iter()
            .all(|one| { !one.request_body.clone().unwrap_or_default().to_string().contains("Disabled") })
    );
    assert!(domain_of(&world)["certificateId"].as_str().unwrap().ends_with("/mc-host"));
}

#[test]
fn an_order_that_pends_or_failed_is_taken_up_again() {
    for (state, orders) in [("Pending", 1), ("Failed", 1), ("Succeeded", 0)] {
        let (_folder, world) = staged();
        world.sandbox.edit(|all| {
            domains::custom_domain(all, HOST, None);
            // Under a name that somebody else gave it.
            domains::managed_certificate(all, "mc-theirs", HOST, state, START);
        });
        let plan = world.plan(&["domain"], &[PARAMETER]).unwrap().plan;
        assert_eq!(plan.writes.len(), orders + 1, "{state}");
        let run = works_and_stays(&world, &["domain"], &[PARAMETER]);
        assert_eq!(run.applied.writes.len(), orders + 1, "{state}");
        assert!(domain_of(&world)["certificateId"].as_str().unwrap().ends_with("/mc-theirs"), "{state}");
    }
    // Azure's own example has the subject with `CN=`.
    let folder = folder(&[("domain", STAGES)]);
    let mut world = World::with(Switches::flip("subject-without-cn").unwrap(), Vec::new());
    world.folders = vec![folder.path().to_owned()];
    pointed(&world);
    world.sandbox.edit(|all| {
        domains::custom_domain(all, HOST, None);
        domains::managed_certificate(all, "mc-theirs", HOST, "Failed", START);
    });
    works_and_stays(&world, &["domain"], &[PARAMETER]);
}

#[test]
fn an_order_that_pends_for_ever_ends_with_the_deadline_and_binds_nothing() {
    let (_folder, world) = staged();
    world.sandbox.edit(|state| domains::record(state, HOST, "CAA", "letsencrypt.org"));
    let run = world.apply(&["template", "domain"], &[PARAMETER]);
    let (failure, _, said) = failure(&run);
    assert!(matches!(failure, acarecipe::execute::Failure::Deadline(_)), "{said}");
    assert_eq!(domain_of(&world)["bindingType"], "Disabled");
    // The template is out and healthy all the same.
    assert_eq!(app(&world).revisions.len(), 2);
    world.sandbox.edit(|state| domains::no_record(state, HOST, "CAA"));
    works_and_stays(&world, &["template", "domain"], &[PARAMETER]);
}

#[test]
fn what_is_claimed_is_set_when_nothing_is_there_and_never_taken_over() {
    let text = "steps:\n  - id: mine\n    container_app: { tags: { owner: { $patch: claim, value: us } } }\n";
    let other =
        "steps:\n  - id: theirs\n    container_app: { tags: { owner: { $patch: claim, value: others } } }\n";
    let (_folder, world) = world_with(&[("one", text), ("two", other)]);
    let run = works_and_stays(&world, &["one"], &[]);
    assert_eq!(run.applied.writes.len(), 1);
    assert_eq!(app(&world).model["tags"]["owner"], "us");

    world.sandbox.edit(|state| variant::tag(state, "owner", "them"));
    let planned = blocked(&world, &["one"], &[]);
    let problem = &planned.plan.problems[0];
    assert_eq!((problem.code, planned.plan.problems.len()), (codes::CLAIMED, 1));
    assert!(
        problem.message.contains("\"them\"") && problem.message.contains("\"us\""),
        "{}",
        problem.message
    );
    assert!(problem.message.contains("tags.owner") && problem.fix.is_some(), "{problem:?}");
    assert!(!planned.plan.contradicts_itself());
    assert_eq!(app(&world).model["tags"]["owner"], "them");

    world.sandbox.edit(|state| state.app_mut(seed::APP).unwrap().model["tags"] = json!({}));
    // Two recipes that claim one place for different values cannot both be had.
    assert!(world.plan(&["one", "two"], &[]).unwrap().plan.contradicts_itself());
}

#[test]
fn a_claim_that_somebody_else_got_in_before_stops_the_run() {
    let steps = "steps:\n  - id: first\n    container_app: { configuration: { maxInactiveRevisions: 7 } }\n  - id: mine\n    after: [first]\n    container_app: { tags: { owner: { $patch: claim, value: us } } }\n";
    let (_folder, world) = world_with(&[("one", steps)]);
    let selection = world.selection(&["one"], &[]);
    let planned = world.plan_of(&selection).unwrap();
    assert_eq!(planned.plan.writes.len(), 1);
    // Between the plan and the write.
    world.sandbox.edit(|state| variant::tag(state, "owner", "them"));
    let done = std::sync::Mutex::new(acarecipe::execute::Applied::default());
    let end = World::block_on(world.executor().apply(
        &planned.plan,
        planned.facts.clone(),
        &selection,
        &world.target(),
        &done,
    ));
    assert_eq!(app(&world).model["tags"]["owner"], "them");
    // What was to be written is not in place, and nobody says that it is.
    let problems = &end.unwrap().plan.problems;
    assert!(problems.iter().any(|problem| problem.code == codes::CLAIMED), "{problems:?}");
}

/// What is in front of a record set of others.
const FRONT: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-front/providers/Microsoft.Network/publicIPAddresses/front";

/// A record set of the seeded zone with these properties.
fn record_set(kind: &str, name: &str, properties: &str) -> String {
    let zone = seed::dns_zone_id(seed::DNS_ZONE);
    format!(
        "steps:\n  - id: records\n    why: the name leads somewhere\n    resource:\n      type: Microsoft.Network/dnsZones/{kind}\n      parent: {zone}\n      name: \"{name}\"\n      body: {{ properties: {properties} }}\n"
    )
}

fn set_of(world: &World, kind: &str, name: &str) -> Json {
    world.sandbox.edit(|state| {
        let set = state.zone_mut(seed::DNS_ZONE).unwrap().record_set(kind, name).cloned();
        set.map_or(Json::Null, |set| Json::Object(set.properties))
    })
}

#[test]
fn an_alias_of_others_is_never_taken_over_and_never_lost() {
    let address = "[{ ipv4Address: 20.61.0.2 }]";
    let claimed = |value: &str| format!("{{ $patch: claim, value: {value} }}");
    let wanted = [
        ("A", "@", format!("{{ TTL: 300, ARecords: {address} }}"), "ARecords"),
        ("A", "@", format!("{{ TTL: 300, ARecords: {} }}", claimed(address)), "ARecords"),
        ("A", "@", format!("{{ $patch: replace, value: {{ TTL: 300, ARecords: {address} }} }}"), "ARecords"),
        ("CNAME", "shop", format!("{{ CNAMERecord: {{ cname: {} }} }}", claimed(OWN)), "CNAMERecord"),
        ("CNAME", "shop", format!("{{ CNAMERecord: {{ cname: {OWN} }} }}"), "CNAMERecord"),
        ("AAAA", "@", "{ AAAARecords: [{ ipv6Address: \"2001:db8::1\" }] }".to_owned(), "AAAARecords"),
    ];
    for (kind, name, properties, member) in wanted {
        let (_folder, world) = world_with(&[("one", &record_set(kind, name, &properties))]);
        let host = if name == "@" { "contoso.example" } else { HOST };
        world.sandbox.edit(|state| {
            domains::no_record(state, host, kind);
            domains::alias(state, host, kind, FRONT);
        });
        let before = set_of(&world, kind, name);
        let planned = blocked(&world, &["one"], &[]);
        let problem = &planned.plan.problems[0];
        assert_eq!((problem.code, planned.plan.problems.len()), (codes::CLAIMED, 1), "{properties}");
        assert!(problem.message.contains(FRONT) && problem.message.contains(member), "{}", problem.message);
        assert!(problem.fix.as_ref().is_some_and(|fix| fix.contains("targetResource.id")), "{problem:?}");
        assert_eq!(set_of(&world, kind, name), before, "{properties}");
    }
    // What is only a default gives way; what else stands in the record set may be written, and the alias stays.
    let text =
        record_set("A", "@", &format!("{{ TTL: 300, ARecords: {{ $patch: default, value: {address} }} }}"));
    let (_folder, world) = world_with(&[("one", &text)]);
    world.sandbox.edit(|state| domains::alias(state, "contoso.example", "A", FRONT));
    works_and_stays(&world, &["one"], &[]);
    let expected = json!({ "TTL": 300, "metadata": { "team": "front" }, "targetResource": { "id": FRONT } });
    assert_eq!(set_of(&world, "A", "@"), expected);
    described(&world);
}

#[test]
fn a_record_set_of_others_keeps_what_it_has() {
    let (_folder, world) = world_with(&[(
        "one",
        &record_set(
            "A",
            "@",
            "{ TTL: { $patch: default, value: 300 }, ARecords: [{ ipv4Address: 20.61.0.2 }] }",
        ),
    )]);
    world.sandbox.edit(|state| {
        let properties = json!({
            "TTL": 60, "metadata": { "team": "front" }, "ARecords": [{ "ipv4Address": "192.0.2.1" }],
        });
        let zone = state.zone_mut(seed::DNS_ZONE).unwrap();
        zone.put("A", "@", &properties, START, "00000000-0000-0000-0000-0000000000a1");
    });
    works_and_stays(&world, &["one"], &[]);
    let expected = json!({
        "TTL": 60,
        "metadata": { "team": "front" },
        "ARecords": [{ "ipv4Address": "192.0.2.1" }, { "ipv4Address": "20.61.0.2" }],
    });
    assert_eq!(set_of(&world, "A", "@"), expected);
    // `{}` that Azure tells of an alias that is none is not sent.
    let bodies = world.sandbox.exchanges();
    let sent = bodies.iter().find(|one| one.is_write()).and_then(|one| one.request_body.clone()).unwrap();
    assert!(sent["properties"].get("targetResource").is_none(), "{sent}");
}

/// The recipe itself, with records that are made in the zone: each stage may be the last of a run.
#[test]
fn every_stage_of_the_recipe_may_be_the_last_of_a_run() {
    let given = ["custom_domain=shop.contoso.example", "dns_zone=contoso.example", "dns_rg=rg-shared"];
    for count in 0..5 {
        let world = World::new();
        let selection = world.selection(&["custom-domains"], &given);
        let mut executor = world.executor();
        executor.hook = Arc::new(Stops(AtomicUsize::new(count)));
        assert!(attempt_with(&world, &executor, &selection).end.is_err(), "{count}");
        let before = sent(&world).len();
        assert!(before <= count, "{count}: {before}");
        let run = works_and_stays(&world, &["custom-domains"], &given);
        assert_eq!(run.applied.writes.len() + before, 5, "{count}");
        assert_eq!(domain_of(&world)["bindingType"], "SniEnabled", "{count}");
        assert_eq!(app(&world).revisions.len(), 1, "{count}");
    }
}

#[test]
fn the_recipe_takes_a_file_and_renews_it_without_a_gap() {
    let mut world = World::new();
    pointed(&world);
    let given = ["custom_domain=shop.contoso.example", "certificate=file"];
    let with = |more: Vec<&'static str>| {
        let more = more.into_iter().map(|one| {
            if one.starts_with("file=") {
                "certificate_file=@env:CERTIFICATE"
            } else {
                "certificate_password=@env:PFX_PASSWORD"
            }
        });
        given.iter().copied().chain(more).collect::<Vec<_>>()
    };
    let parameters = with(put_in(&mut world, &made(&[HOST], START, 90), true));
    let run = works_and_stays(&world, &["custom-domains"], &parameters);
    // Nothing has to be waited for between the name and the binding but the certificate's own write.
    assert_eq!(sent(&world).last().unwrap(), "PATCH containerApps", "{:?}", run.applied.writes);
    let first = domain_of(&world)["certificateId"].clone();
    put_in(&mut world, &made(&[HOST], START, 300), true);
    let from = sent(&world).len();
    works_and_stays(&world, &["custom-domains"], &parameters);
    assert_eq!(sent(&world)[from..], ["PUT certificates", "PATCH containerApps"]);
    assert_ne!(domain_of(&world)["certificateId"], first);
    assert_eq!(domain_of(&world)["bindingType"], "SniEnabled");
    // One that is for another name goes nowhere.
    put_in(&mut world, &made(&["other.example"], START, 90), true);
    let planned = blocked(&world, &["custom-domains"], &parameters);
    assert!(text(only_failed(&planned)).contains("not for shop.contoso.example"));
    described(&world);
}

#[test]
fn the_recipe_takes_a_certificate_of_a_vault() {
    use acarecipe::sandbox::roles::KEY_VAULT_SECRETS_USER;
    use acarecipe::sandbox::state::SystemIdentity;
    let given = [
        "custom_domain=shop.contoso.example",
        "certificate=key-vault",
        "certificate_secret=https://kv-demo.vault.azure.net/secrets/api-key",
    ];
    let world = World::new();
    pointed(&world);
    let planned = blocked(&world, &["custom-domains"], &given);
    assert!(text(only_failed(&planned)).contains("az containerapp env identity assign"));
    let file = made(&[HOST], START, 90).pfx_base64("");
    world.sandbox.edit(|state| {
        let (principal, client) = state.new_principal(START - Duration::DAY);
        let scope = seed::vault_id(seed::VAULT);
        seed::assign_role(state, &scope, KEY_VAULT_SECRETS_USER, &principal, START - Duration::DAY);
        let environment = state.environments.values_mut().next().unwrap();
        environment.identity.system = Some(SystemIdentity { principal_id: principal, client_id: client });
        state.vault_mut(seed::VAULT).unwrap().secrets.get_mut("api-key").unwrap()[0].value = file;
    });
    works_and_stays(&world, &["custom-domains"], &given);
    assert_eq!(domain_of(&world)["bindingType"], "SniEnabled");
    described(&world);
}

/// Forbids the authority after the plan, and before the order is looked at.
struct Closes(acarecipe::sandbox::Sandbox);
impl Hook for Closes {
    fn before(&self, write: &WriteRecord) -> Result<(), String> {
        if write.path.contains("managedCertificates") {
            self.0.edit(|state| domains::record(state, HOST, "CAA", "letsencrypt.org"));
        }
        Ok(())
    }
    fn after(&self, _: &WriteRecord, _: &WriteEnd) {}
}

/// What stays Pending is told with what does not hold meanwhile.
#[test]
fn a_certificate_that_pends_is_told_with_its_conditions() {
    let world = World::new();
    pointed(&world);
    let selection = world.selection(&["custom-domains"], &["custom_domain=shop.contoso.example"]);
    let planned = world.plan_of(&selection).unwrap();
    let mut executor = world.executor();
    executor.hook = Arc::new(Closes(world.sandbox.clone()));
    let done = std::sync::Mutex::new(acarecipe::execute::Applied::default());
    let end = World::block_on(executor.apply(
        &planned.plan,
        planned.facts.clone(),
        &selection,
        &world.target(),
        &done,
    ));
    let failure = end.unwrap_err();
    let said = format!("{:?}", failure.diagnostic().unwrap());
    assert!(said.contains("CAA records let DigiCert issue") && said.contains("letsencrypt.org"), "{said}");
    assert_eq!(domain_of(&world)["bindingType"], "Disabled");
    // The next run says so before it writes anything.
    let planned = blocked(&world, &["custom-domains"], &["custom_domain=shop.contoso.example"]);
    assert!(text(only_failed(&planned)).contains("letsencrypt.org"));
}

#[test]
fn a_certificate_that_pends_because_the_app_was_stopped_is_told_so() {
    struct StopsApp(acarecipe::sandbox::Sandbox);
    impl Hook for StopsApp {
        fn before(&self, write: &WriteRecord) -> Result<(), String> {
            if write.path.contains("managedCertificates") {
                self.0.edit(|state| state.app_mut(seed::APP).unwrap().stopped = true);
            }
            Ok(())
        }
        fn after(&self, _: &WriteRecord, _: &WriteEnd) {}
    }
    let runs = "prerequisites:
  - name: the app runs
    that: \"${app.properties.runningStatus != 'Stopped'}\"
    otherwise: \"it is ${lower(app.properties.runningStatus)}, and nobody answers the authority\"
    fix: az containerapp start --name ${target.app} --resource-group ${target.resource_group}
";
    let (_folder, world) = world_with(&[("domain", &format!("{STAGES}{runs}"))]);
    let selection = world.selection(&["domain"], &[PARAMETER]);
    let mut executor = world.executor();
    executor.hook = Arc::new(StopsApp(world.sandbox.clone()));
    let attempt = attempt_with(&world, &executor, &selection);
    let said = format!("{:?}", attempt.end.unwrap_err());
    assert!(said.contains("it is stopped, and nobody answers the authority"), "{said}");
    assert_eq!(domain_of(&world)["bindingType"], "Disabled");
}

/// A certificate that is brought along.
const BROUGHT: &str = "
inputs:
  file: { type: file, secret: true, description: The file. }
  password: { secret: true, description: Its password. }
  name: { default: own, description: Its name. }
existing:
  certificate:
    certificate: { file: \"${inputs.file}\", password: \"${inputs.password}\", host: shop.contoso.example }
prerequisites:
  - for_each: \"${certificate.findings || `[]`}\"
    that: \"${each.value.severity != 'error'}\"
    name: \"${each.value.rule}\"
    otherwise: \"${each.value.message}\"
steps:
  - id: brought
    why: the environment has the certificate
    resource:
      type: Microsoft.App/managedEnvironments/certificates
      parent: \"${environment}\"
      name: \"${inputs.name}\"
      match: [properties.thumbprint]
      body:
        location: { $patch: default, value: \"${environment.location}\" }
        properties: { value: \"${certificate.value}\", password: \"${inputs.password}\", thumbprint: \"${certificate.thumbprint}\" }
outputs:
  subject: \"${certificate.subject}\"
  thumbprint: \"${certificate.thumbprint}\"
  names: \"${certificate.names}\"
";

fn put_in(world: &mut World, one: &Made, pfx: bool) -> Vec<&'static str> {
    let text = if pfx { one.pfx_base64("s3cret-password") } else { one.pem() };
    world.variables.insert("CERTIFICATE".to_owned(), text);
    world.variables.insert("PFX_PASSWORD".to_owned(), "s3cret-password".to_owned());
    if pfx {
        vec!["file=@env:CERTIFICATE", "password=@env:PFX_PASSWORD"]
    } else {
        vec!["file=@env:CERTIFICATE"]
    }
}

#[test]
fn a_certificate_is_told_by_its_thumbprint_under_whatever_name() {
    for pfx in [false, true] {
        let folder = folder(&[("brought", BROUGHT)]);
        let mut world = World::new();
        world.folders = vec![folder.path().to_owned()];
        let one = made(&[HOST], START, 90);
        let parameters = put_in(&mut world, &one, pfx);
        let with = |more: Option<&'static str>| parameters.iter().copied().chain(more).collect::<Vec<_>>();
        let run = works_and_stays(&world, &["brought"], &with(None));
        assert_eq!(run.applied.writes.len(), 1);
        let outputs = &run.ok().plan.outputs["brought"];
        let kept = world.sandbox.state().certificates.values().next().unwrap().clone();
        assert_eq!(outputs["thumbprint"].as_str(), Some(kept.content.thumbprint.as_str()));
        assert_eq!(outputs["subject"].as_str(), Some(HOST));
        // The same under another name is found.
        assert!(world.plan(&["brought"], &with(Some("name=another"))).unwrap().plan.writes.is_empty());
        // Another certificate under the name that is there takes its place.
        let renewed = made(&[HOST], START, 300);
        put_in(&mut world, &renewed, pfx);
        let plan = world.plan(&["brought"], &with(None)).unwrap().plan;
        assert_eq!(plan.writes.len(), 1, "{:#?}", plan.problems);
        let run = works_and_stays(&world, &["brought"], &with(None));
        assert_eq!(run.applied.writes.len(), 1);
        assert_eq!(world.sandbox.state().certificates.len(), 1);
        // Neither the key nor the password is in anything that is shown.
        let shown = format!("{:?} {:?}", run.planned.plan, world.seen.writes.lock().unwrap());
        let key: String = one.key.lines().nth(1).unwrap().to_owned();
        assert!(!shown.contains("s3cret-password") && !shown.contains(&key));
        assert!(!shown.contains(&encoded(&one.pem())[..40]));
        described(&world);
    }
}

#[test]
fn what_is_wrong_with_a_file_is_found_before_it_is_sent() {
    let one = made(&[HOST, "*.contoso.example"], START, 90);
    let rules = |text: &str, password: &str, host: &str, days: i64| {
        let now = START + Duration::days(days);
        let found = judge(text, password, Some(host), now);
        found.findings.iter().map(|one| (one.rule, one.error)).collect::<Vec<_>>()
    };
    let pfx = one.pfx_base64("right");
    let none: Vec<(&str, bool)> = Vec::new();
    assert_eq!(rules(&one.pem(), "", HOST, 0), none);
    assert_eq!(rules(&pfx, "right", HOST, 0), none);
    assert_eq!(rules(&pfx, "right", "WWW.contoso.example", 0), none);
    assert_eq!(rules(&pfx, "right", "a.b.contoso.example", 0), [("host", true)]);
    assert_eq!(rules(&pfx, "wrong", HOST, 0), [("unreadable", true)]);
    assert_eq!(rules(&pfx, "", HOST, 0), [("unreadable", true)]);
    assert_eq!(rules("nothing", "", HOST, 0), [("unreadable", true)]);
    assert_eq!(rules(&one.pem(), "", HOST, 100), [("expired", true)]);
    assert_eq!(rules(&one.pem(), "", HOST, -2), [("not-yet-valid", true)]);
    assert_eq!(rules(&one.pem(), "", HOST, 70), [("expires-soon", false)]);
    assert_eq!(rules(&format!("{}{}", one.leaf, one.issuer), "", HOST, 0), [("one-key", true)]);
    assert_eq!(rules(&format!("{}{}", one.key, one.pem()), "", HOST, 0), [("one-key", true)]);
    let other = made(&["other.example"], START, 90);
    let mixed = format!("{}{}{}", other.key, one.leaf, one.issuer);
    assert_eq!(rules(&mixed, "", HOST, 0), [("key-mismatch", true)]);
    assert_eq!(rules(&format!("{}{}", one.key, one.leaf), "", HOST, 0), [("chain-incomplete", false)]);
    let turned = format!("{}{}{}", one.key, one.issuer, one.leaf);
    assert_eq!(rules(&turned, "", HOST, 0), [("chain-order", true)]);
    assert_eq!(rules("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n", "", HOST, 0), [("unreadable", true)]);
    // Every part of a file that is cut off somewhere is judged, and none of it told.
    for text in [one.pem(), pfx] {
        for end in (0..text.len()).step_by(97) {
            let told = format!("{:?}", judge(&text[..end], "right", Some(HOST), START).findings);
            assert!(!told.contains("right") && !told.contains("MII"), "{told}");
        }
    }
}
