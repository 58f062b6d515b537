//! Lists, page by page.

use std::collections::HashSet;

use serde_json::Value;
use time::OffsetDateTime;
use url::Url;

use super::client::ArmClient;
use super::errors::{ArmError, ArmErrorKind};
use super::request::{ArmRequest, Method};

/// A collection, page by page: for what is too much to be held at once.
#[derive(Debug)]
pub struct Pages {
    path: String,
    /// Where the next page is; `None` after the last, and after an error.
    next: Option<Url>,
    seen: HashSet<Url>,
    read: usize,
}

impl Pages {
    /// How many pages have been read.
    pub fn read(&self) -> usize {
        self.read
    }

    /// The next page; `None` when there is none. It is read as [`ArmClient::read`] reads.
    ///
    /// # Errors
    /// The page cannot be had; its `nextLink` leads to another host (the token would follow it) or to a page that
    /// came before; there were [`Limits::pages`](super::client::Limits) already. No page follows.
    pub async fn next_page(
        &mut self,
        client: &ArmClient,
        deadline: OffsetDateTime,
    ) -> Option<Result<Vec<Value>, ArmError>> {
        let url = self.next.take()?;
        Some(self.page(client, url, deadline).await)
    }

    async fn page(
        &mut self,
        client: &ArmClient,
        url: Url,
        deadline: OffsetDateTime,
    ) -> Result<Vec<Value>, ArmError> {
        let place = |kind| ArmError::new(kind).on(Method::Get, self.path.clone());
        let limit = client.inner.limits.pages;
        if self.read == limit {
            let reason = format!("more than {limit} pages");
            return Err(place(ArmErrorKind::Endless { reason }));
        }
        if !self.seen.insert(url.clone()) {
            let reason = "a page came twice".to_owned();
            return Err(place(ArmErrorKind::Endless { reason }));
        }
        let mut answer = client.repeat(Method::Get, &url, None, deadline).await?;
        let Some(Value::Array(page)) = answer.body.get_mut("value").map(Value::take) else {
            let reason = "a list without 'value'".to_owned();
            return Err(place(ArmErrorKind::BadBody { status: answer.status, reason }));
        };
        self.next = match answer.body.get("nextLink").and_then(Value::as_str) {
            None | Some("") => None,
            Some(next) => {
                let next = client.follow("nextLink", next);
                Some(next.map_err(|error| error.on(Method::Get, self.path.clone()))?)
            }
        };
        self.read += 1;
        Ok(page)
    }
}

impl ArmClient {
    /// A collection, page by page. Sends nothing yet.
    ///
    /// # Errors
    /// The request has no address at the endpoint.
    pub fn pages(&self, request: &ArmRequest) -> Result<Pages, ArmError> {
        let next = Some(request.url(self.inner.endpoint.url())?);
        Ok(Pages { path: request.path.clone(), next, seen: HashSet::new(), read: 0 })
    }

    /// Every element of a collection, all pages.
    ///
    /// # Errors
    /// As [`Pages::next_page`].
    pub async fn list(&self, request: &ArmRequest, deadline: OffsetDateTime) -> Result<Vec<Value>, ArmError> {
        let mut pages = self.pages(request)?;
        let mut elements = Vec::new();
        while let Some(page) = pages.next_page(self, deadline).await {
            elements.extend(page?);
        }
        Ok(elements)
    }
}
