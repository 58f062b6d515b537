//! The hosts of apps and the edge of their environment.

use super::{Rule, Switch, assumed, confirmed};

pub(super) const RULES: &[Rule] = &[
    confirmed(
        "host-of-revision",
        "an active revision answers at a host of its own, app--suffix, whatever its weight",
        "Microsoft Learn, Container Apps revisions and ingress overview",
    ),
    confirmed(
        "host-of-label",
        "in Multiple mode a label has a host of its own, app---label, that leads to the label's revision",
        "Microsoft Learn, Container Apps traffic splitting, revision labels",
    ),
    confirmed(
        "tcp-speaks-no-http",
        "with the transport tcp the edge has no HTTP for an app: its port is another than 80 and 443",
        "Microsoft Learn, Container Apps ingress overview, TCP",
    ),
    confirmed(
        "custom-name-follows-dns",
        "a custom domain leads to its app only where DNS does; of a name in none of the zones that are there it is taken for granted",
        "Microsoft Learn, Custom domain names in Azure Container Apps: the CNAME or A record",
    ),
    assumed(
        "label-at-once",
        Switch::LabelAtOnce,
        "the host of a label leads to its revision as soon as the write that set it is done",
        "for 20 s after a write of the app the edge knows no label of it, and answers that there is nothing",
        "not confirmed; an edge learns of its routes after the write",
    ),
    confirmed(
        "weights-split-requests",
        "requests to the app's own host are split over revisions by the weights of its traffic",
        "Microsoft Learn, Container Apps traffic splitting",
    ),
    confirmed(
        "unready-is-503",
        "where no container listens the edge answers 503 upstream connect error",
        "microsoft/azure-container-apps#295, #1166; Azure/azure-functions-docker#1015",
    ),
    assumed(
        "edge-says-404",
        Switch::EdgeSays404,
        "for an app that is stopped, deactivated, without external ingress or not there the edge answers 404",
        "it answers 403",
        "microsoft/azure-container-apps#1613 (2025) shows 404; #755, #928 and microsoft/vscode-azurecontainerapps#299 (2023) show 403",
    ),
    assumed(
        "internal-name-unresolved",
        Switch::InternalNameUnresolved,
        "the name of an app with internal ingress does not resolve outside its environment",
        "it resolves, and the edge answers as if there were no such app",
        "Microsoft Learn, Container Apps ingress overview: accessible from within the environment only; what a name outside comes to is not said",
    ),
    assumed(
        "edge-answers-for-crash",
        Switch::EdgeAnswersForCrash,
        "when a process dies while it answers the edge answers 503",
        "the connection is closed without an answer",
        "not confirmed",
    ),
    confirmed(
        "client-certificate-forwarded",
        "with clientCertificateMode accept or require a client's certificate is asked for, whoever signed it, and \
         forwarded in X-Forwarded-Client-Cert",
        "Microsoft Learn, Container Apps client certificate authorization",
    ),
    assumed(
        "client-certificate-refused-by-alert",
        Switch::ClientCertificateRefusedByAlert,
        "with require a client without a certificate gets an alert in the handshake",
        "the handshake goes on, and the edge answers 403",
        "Microsoft Learn, Container Apps client certificate authorization: required for all requests; how one without \
         is refused is not said",
    ),
    assumed(
        "client-certificate-required-everywhere",
        Switch::ClientCertificateRequiredEverywhere,
        "require holds for every client, wherever it is",
        "a client without a certificate is answered, as with accept",
        "Microsoft Learn, Container Apps client certificate authorization; microsoft/azure-container-apps#880 shows \
         answers without one",
    ),
];
