//! The apps of a resource group or a subscription, page by page. A page is forgotten before the next is asked for.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde_json::Value as Json;
use tokio::sync::OnceCell;

use super::{Executor, Failure, Observed};
use crate::azure::paging::Pages;
use crate::azure::{ArmRequest, ResourceId};
use crate::facts::{Fact, Facts, Read, Shape};
use crate::plan::{Selection, Target, provider_read, version_offered};

/// The type.
const APP: &str = "Microsoft.App/containerApps";

/// A list of apps on its way.
pub struct Fleet<'e> {
    executor: &'e Executor,
    /// What apps have in common, for whoever looks closer: provider, subscription, groups, environments.
    known: Mutex<Facts>,
    /// The first look, which the others wait for: most of what it finds is theirs as well.
    first: OnceCell<()>,
    version: String,
    pages: Pages,
}

impl Executor {
    /// The apps of a group, or without one of the subscription. Asks for the api-versions that the provider offers.
    ///
    /// # Errors
    /// Azure could not be asked.
    pub async fn fleet(&self, subscription: &str, group: Option<&str>) -> Result<Fleet<'_>, Failure> {
        let read = provider_read(subscription, "Microsoft.App");
        let mut known = Facts::default();
        for (read, fact) in self.fetch(&BTreeSet::from([read.clone()])).await? {
            known.insert(&read, fact);
        }
        let version = version_offered(APP, known.get(&read).and_then(Fact::value));
        let scope = match group {
            Some(group) => ResourceId::group(subscription, group),
            None => ResourceId::subscription_id(subscription),
        };
        let path = format!("{scope}/providers/{APP}");
        let pages = self
            .client
            .pages(&ArmRequest::get(path, version.clone()))
            .map_err(|error| Failure::azure(&error, "list the apps"))?;
        Ok(Fleet { executor: self, known: Mutex::new(known), first: OnceCell::new(), version, pages })
    }
}

impl Fleet<'_> {
    /// The next page; `None` after the last. After an error there is none.
    ///
    /// # Errors
    /// The page was refused, or Azure could not be asked. What the pages before it held stands.
    pub async fn next_page(&mut self) -> Option<Result<Vec<Json>, Failure>> {
        let (interrupt, deadline) = (&self.executor.interrupt, self.executor.deadline);
        let page = interrupt.or(self.pages.next_page(&self.executor.client, deadline)).await;
        match page {
            None => Some(Err(Failure::Interrupted)),
            Some(None) => None,
            Some(Some(Ok(page))) => Some(Ok(page)),
            Some(Some(Err(error))) => {
                let known = format!("apps after page {} of the list are not known", self.pages());
                Some(Err(Failure::azure(&error, "list the apps").and_note(&known)))
            }
        }
    }

    /// Pages read so far.
    pub fn pages(&self) -> usize {
        self.pages.read()
    }

    /// The app as it was listed and what its revisions say, without waiting for anything.
    ///
    /// # Errors
    /// Azure could not be asked.
    pub async fn look(&self, app: Json, target: &Target) -> Result<Observed, Failure> {
        let mut own = Some(app);
        let mut looked = None;
        let first = self.first.get_or_init(|| async {
            if let Some(app) = own.take() {
                looked = Some(self.look_now(app, target).await);
            }
        });
        first.await;
        match (looked, own) {
            (Some(looked), _) => looked,
            (None, app) => self.look_now(app.unwrap_or_default(), target).await,
        }
    }

    async fn look_now(&self, app: Json, target: &Target) -> Result<Observed, Failure> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut facts = known().clone();
        let read = Read::one(&target.app_id(), APP, &self.version);
        facts.insert(&read, Fact::found(APP, Shape::One, app));
        let observed = self.executor.observe_from(facts, &Selection::default(), target, false).await?;
        let mut known = known();
        for (read, fact) in observed.facts.iter() {
            if !read.key.contains("/containerapps/") && known.get(read).is_none() {
                known.insert(read, fact.clone());
            }
        }
        drop(known);
        Ok(observed)
    }
}
