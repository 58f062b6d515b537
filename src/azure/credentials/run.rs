//! One credential for a whole run: every scope is asked for once, until its token runs out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use time::Duration;

use crate::clock::Clock;

/// Tokens are renewed this long before they expire, as the SDK's policy does.
const EARLY: Duration = Duration::minutes(5);

/// A credential that remembers its tokens: the CLIs are slow to ask, and who is calling is read from the
/// token that the requests use.
pub(crate) struct RunCredential {
    inner: Arc<dyn TokenCredential>,
    clock: Arc<dyn Clock>,
    tokens: tokio::sync::Mutex<HashMap<String, AccessToken>>,
    issued: Mutex<Vec<Secret>>,
}

impl RunCredential {
    pub(crate) fn new(inner: Arc<dyn TokenCredential>, clock: Arc<dyn Clock>) -> Arc<RunCredential> {
        Arc::new(RunCredential {
            inner,
            clock,
            tokens: tokio::sync::Mutex::default(),
            issued: Mutex::default(),
        })
    }

    /// The token for `scope`, from memory while it lasts.
    pub(crate) async fn token(&self, scope: &str) -> azure_core::Result<AccessToken> {
        self.get(scope, None).await
    }

    /// Makes the next request for `scope` ask the credential.
    pub(crate) async fn forget(&self, scope: &str) {
        self.tokens.lock().await.remove(scope);
    }

    /// Every token issued so far, for keeping them out of texts.
    pub(crate) fn issued(&self) -> Vec<Secret> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn get(
        &self,
        scope: &str,
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        // Held while asking: ten requests that start together ask once.
        let mut tokens = self.tokens.lock().await;
        if let Some(token) = tokens.get(scope).filter(|token| token.expires_on > self.clock.now() + EARLY) {
            return Ok(token.clone());
        }
        let token = self.inner.get_token(&[scope], options).await?;
        self.issued.lock().unwrap_or_else(PoisonError::into_inner).push(token.token.clone());
        tokens.insert(scope.to_owned(), token.clone());
        Ok(token)
    }
}

impl std::fmt::Debug for RunCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RunCredential")
    }
}

#[async_trait::async_trait]
impl TokenCredential for RunCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        match scopes {
            [scope] => self.get(scope, options).await,
            _ => self.inner.get_token(scopes, options).await,
        }
    }
}
