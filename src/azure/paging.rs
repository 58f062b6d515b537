//! Lists, page by page.

use std::collections::HashSet;

use serde_json::Value;
use time::OffsetDateTime;

use super::client::ArmClient;
use super::errors::{ArmError, ArmErrorKind};
use super::request::{ArmRequest, Method};

impl ArmClient {
    /// Every element of a collection, all pages. A page is read as [`ArmClient::read`] reads. Fails on a
    /// `nextLink` that leads to another host (the token would follow it), on one that came before, and after
    /// [`Limits::pages`](super::client::Limits) pages.
    pub async fn list(&self, request: &ArmRequest, deadline: OffsetDateTime) -> Result<Vec<Value>, ArmError> {
        let mut url = request.url(self.inner.endpoint.url())?;
        let mut seen = HashSet::from([url.clone()]);
        let mut elements = Vec::new();
        loop {
            let mut answer = self.repeat(Method::Get, &url, None, deadline).await?;
            let place = |kind| ArmError::new(kind).on(Method::Get, request.path.clone());
            let Some(Value::Array(page)) = answer.body.get_mut("value").map(Value::take) else {
                let reason = "a list without 'value'".to_owned();
                let status = answer.status;
                return Err(place(ArmErrorKind::BadBody { status, reason }));
            };
            elements.extend(page);
            let next = match answer.body.get("nextLink").and_then(Value::as_str) {
                None | Some("") => return Ok(elements),
                Some(next) => self
                    .follow("nextLink", next)
                    .map_err(|error| error.on(Method::Get, request.path.clone()))?,
            };
            if !seen.insert(next.clone()) {
                let reason = "a page came twice".to_owned();
                return Err(place(ArmErrorKind::Endless { reason }));
            }
            if seen.len() > self.inner.limits.pages {
                let reason = format!("more than {} pages", self.inner.limits.pages);
                return Err(place(ArmErrorKind::Endless { reason }));
            }
            url = next;
        }
    }
}
