//! How long planning takes: it is done again after every round of reads and after every write.

#![allow(clippy::expect_used, reason = "a bench that cannot start says why")]

use std::sync::Arc;
use std::time::Duration;

use acarecipe::azure::{ArmClient, ClientSettings, Cloud, Endpoint};
use acarecipe::clock::{Clock, VirtualClock};
use acarecipe::execute::{Event, Executor, Interrupt, NoHook, Observer, Turns};
use acarecipe::plan::{self, Request, Selection, Target};
use acarecipe::recipe::{Asked, Catalogue, Outside, bind};
use acarecipe::sandbox::transport::InProcess;
use acarecipe::sandbox::{Options, Sandbox, seed};
use criterion::{Criterion, criterion_group, criterion_main};
use time::macros::datetime;

struct Nobody;

impl Observer for Nobody {
    fn event(&self, _: &Event) {}
}

/// Surroundings with nothing in them but the vault's name.
struct Vault;

impl Outside for Vault {
    fn input_variable(&self, name: &str) -> Option<String> {
        (name == "KEY_VAULT_NAME").then(|| seed::VAULT.to_owned())
    }

    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, path: &str) -> Result<String, String> {
        Err(format!("no file {path} here"))
    }

    fn standard_input(&self) -> Result<String, String> {
        Err("no standard input here".to_owned())
    }
}

fn selection() -> Selection {
    let catalogue = Catalogue::built_in().expect("the built-in recipes load");
    let asked = [Asked { recipe: "key-vault-reference".to_owned(), ..Asked::default() }];
    let instances = catalogue.instances(&asked).expect("the recipe is there");
    let inputs = bind(&instances, &["secrets.DB_PASSWORD=db-password".to_owned()], &Vault)
        .expect("the inputs are right");
    Selection { instances, inputs }
}

fn target() -> Target {
    let cloud = Cloud::public();
    Target {
        cloud: plan::Cloud {
            name: cloud.name.to_owned(),
            authority: cloud.authority.to_owned(),
            suffixes: cloud.suffixes.confirmed(),
        },
        tenant: Some(seed::TENANT.to_owned()),
        subscription: seed::SUBSCRIPTION.to_owned(),
        resource_group: seed::GROUP.to_owned(),
        app: seed::APP.to_owned(),
        environment: None,
        location: None,
        container: None,
    }
}

fn planning(criterion: &mut Criterion) {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::new(datetime!(2026-03-01 12:00 UTC)));
    let time = Arc::clone(&clock);
    let azure = Sandbox::new(Options::new(Arc::new(move || time.now())));
    let transport = azure_core::http::Transport::new(Arc::new(InProcess::new(Arc::new(azure))));
    let executor = Executor {
        client: ArmClient::new(ClientSettings::new(
            Endpoint::sandbox(transport, "owner"),
            Arc::clone(&clock),
        )),
        deadline: clock.now() + Duration::from_secs(600),
        clock: Arc::clone(&clock),
        observer: Arc::new(Nobody),
        hook: Arc::new(NoHook),
        interrupt: Interrupt::default(),
        role_wait: None,
        renew: false,
        probing: false,
        folder: std::path::PathBuf::new(),
        retry: false,
        turns: Turns::default(),
        so_far: Arc::default(),
        sent: Arc::default(),
    };
    let (selection, target) = (selection(), target());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let observed =
        runtime.block_on(executor.observe(&selection, &target, true)).expect("the sandbox answers");
    assert_eq!(observed.plan.writes.len(), 3, "the plan is the one that is meant");
    let so_far = plan::SoFar::default();
    criterion.bench_function("plan both recipes on an app without identity", |bencher| {
        bencher.iter(|| {
            let request = Request {
                selection: &selection,
                target: &target,
                caller: None,
                now: clock.now(),
                role_wait: None,
                renew: false,
                probing: false,
                retry: false,
                so_far: &so_far,
            };
            plan::plan(request, &observed.facts, true)
        });
    });
}

criterion_group!(benches, planning);
criterion_main!(benches);
