//! What a process that dies leaves behind: Azure, the time, and its journal as far as it was written.

use std::sync::{Arc, Mutex};

use acarecipe::clock::{Clock as _, VirtualClock};
use acarecipe::journal::StateFolder;
use acarecipe::sandbox::http::{Reply, Request};
use acarecipe::sandbox::{Handler, Handshake, NameReply, Options, Sandbox, SqlBatch, SqlReply, State};
use time::OffsetDateTime;

use crate::support::world::World;

/// What a process leaves behind.
pub struct Left {
    /// The request at which it dies, counted from 1; and where.
    pub request: usize,
    pub point: &'static str,
    /// How many requests have had their effect.
    pub done: usize,
    pub now: OffsetDateTime,
    pub azure: State,
    /// The bytes of the newest journal.
    pub journal: Vec<u8>,
}

impl Left {
    /// The world as a new process finds it.
    pub fn world(&self) -> World {
        let mut world = World::new();
        world.clock = Arc::new(VirtualClock::new(self.now));
        let clock = Arc::clone(&world.clock);
        let options = Options::new(Arc::new(move || clock.now()));
        world.sandbox = Sandbox::from_state(self.azure.clone(), options);
        world
    }
}

/// Notes what would be left behind at each request.
pub struct Watched {
    sandbox: Sandbox,
    clock: Arc<VirtualClock>,
    folder: Option<StateFolder>,
    left: Mutex<Vec<Left>>,
}

impl Watched {
    /// Stands between the client and the sandbox of a world, and looks at the journals in `folder`.
    pub fn on(world: &mut World, folder: Option<StateFolder>) -> Arc<Watched> {
        let watched = Arc::new(Watched {
            sandbox: world.sandbox.clone(),
            clock: Arc::clone(&world.clock),
            folder,
            left: Mutex::default(),
        });
        world.between = Some(Arc::clone(&watched) as Arc<dyn Handler>);
        watched
    }

    /// What was noted: before and after the effect of each request.
    pub fn left(&self) -> Vec<Left> {
        std::mem::take(&mut *self.left.lock().unwrap())
    }

    /// The newest journal as it is on the disk.
    fn journal(&self) -> Vec<u8> {
        let Some(folder) = &self.folder else { return Vec::new() };
        let newest = folder.ids().unwrap().into_iter().next();
        newest.map(|id| std::fs::read(folder.path_of(&id)).unwrap()).unwrap_or_default()
    }

    fn exchange<T>(&self, effect: impl FnOnce() -> T) -> T {
        let mut left = self.left.lock().unwrap();
        let request = left.len() / 2 + 1;
        let mut note = |point, done| {
            let mut azure = self.sandbox.state();
            // The clock has it.
            azure.moment = None;
            let (now, journal) = (self.clock.now(), self.journal());
            left.push(Left { request, point, done, now, azure, journal });
        };
        note("before its effect", request - 1);
        let answer = effect();
        note("after its effect", request);
        answer
    }
}

impl Handler for Watched {
    fn handle(&self, request: &Request) -> Reply {
        self.exchange(|| self.sandbox.handle(request))
    }

    fn batch(&self, batch: &SqlBatch<'_>) -> SqlReply {
        self.exchange(|| self.sandbox.batch(batch))
    }

    fn name(&self, name: &str, kind: &str) -> NameReply {
        self.sandbox.name(name, kind)
    }

    fn resolves(&self, host: &str) -> bool {
        self.sandbox.resolves(host)
    }

    fn handshake(&self, host: &str) -> Option<Handshake> {
        Some(self.sandbox.handshake(host))
    }

    fn is_app(&self, host: &str) -> bool {
        self.sandbox.is_app(host)
    }
}
