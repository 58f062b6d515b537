//! Custom domains and certificates of Container Apps.

use super::{Rule, Switch, assumed, confirmed};

const PAGE: &str =
    "Microsoft Learn, Custom domain names and free managed certificates in Azure Container Apps";

pub(super) const RULES: &[Rule] = &[
    confirmed(
        "host-name-needs-proof",
        "a host name comes to an app only with a TXT record asuid.NAME that holds the app's verification id: InvalidCustomHostNameValidation",
        "Azure/azure-cli#28680",
    ),
    confirmed(
        "host-name-once",
        "a host name is one app's in an environment: CustomDomainConflictOnEnvironment",
        "microsoft/azure-container-apps#1785 (its status is not quoted)",
    ),
    confirmed(
        "suffix-is-the-environments",
        "a host name below the environment's own DNS suffix is refused",
        PAGE,
    ),
    confirmed(
        "certificate-after-host-name",
        "a managed certificate is ordered only for a host name that an app of the environment has: RequireCustomHostnameInEnvironment",
        "pulumi/pulumi-azure-native#2614, microsoft/azure-container-apps#1570",
    ),
    confirmed(
        "one-managed-certificate",
        "an environment has one managed certificate for a subject: DuplicateManagedCertificateInEnvironment",
        "error texts in public deployments of several projects",
    ),
    assumed(
        "cname-checked-at-once",
        Switch::CnameCheckedAtOnce,
        "an order with the validation CNAME is refused while the host name has no CNAME record of the app's own name",
        "it is taken and stays Pending",
        "microsoft/azure-container-apps#525 quotes the message; when it comes is not said",
    ),
    confirmed(
        "validation-needs-reach",
        "an order is fulfilled when the ingress is external, speaks HTTP and answers, the app runs, a CNAME record leads to the app's own name and nothing in between (validation CNAME) or an A record to the environment's address (HTTP), and CAA records, if there are any, allow digicert.com",
        PAGE,
    ),
    assumed(
        "order-stays-pending",
        Switch::OrderStaysPending,
        "an order that cannot be fulfilled stays Pending, and is fulfilled once it can be",
        "after 30 minutes it has Failed, with the reason in `error`, and is ordered again by PUT",
        "both are reported: yoshuawuyts/wasm.directory#434 (Pending), microsoft/azure-container-apps#1610 (Failed)",
    ),
    assumed(
        "validation-follows-redirect",
        Switch::ValidationFollowsRedirect,
        "validation by HTTP works although the ingress redirects to https (`allowInsecure: false`)",
        "it does not: the order stays Pending until `allowInsecure` is true",
        "yoshuawuyts/wasm.directory#434 reports the opposite; Microsoft's page says nothing of it",
    ),
    confirmed(
        "txt-validation-pends",
        "an order with the validation TXT stays Pending for good",
        "yoshuawuyts/wasm.directory#434, microsoft/azure-container-apps#957",
    ),
    assumed(
        "subject-without-cn",
        Switch::SubjectWithoutCn,
        "subjectName of a managed certificate comes back as it was sent",
        "it comes back with CN= before it",
        "Azure/azure-cli compares it as it is; the example in Microsoft's description has CN=",
    ),
    confirmed(
        "certificate-must-be-there",
        "a certificateId that the environment does not have is refused",
        "microsoft/azure-container-apps#333 (its code is not quoted)",
    ),
    confirmed(
        "certificate-must-be-ready",
        "so is a managed certificate that is not Succeeded",
        "the message in public deployments (its code is not quoted)",
    ),
    assumed(
        "certificate-must-cover",
        Switch::CertificateMustCover,
        "so is one that is not for the host name",
        "it is bound all the same",
        "microsoft/azure-container-apps#292 shows the portal's refusal; the service was not asked",
    ),
    assumed(
        "sni-needs-certificate",
        Switch::SniNeedsCertificate,
        "SniEnabled without a certificateId is refused",
        "it is accepted",
        "not confirmed",
    ),
    confirmed(
        "bound-certificate-kept",
        "a certificate that a host name is bound to cannot be deleted: CertificateInUse",
        "hashicorp/terraform-provider-azurerm#21866, rajbos/ai-engineering-fluency#739",
    ),
    confirmed(
        "certificate-file-read",
        "a file that cannot be read with the password is refused: InvalidCertificate",
        "microsoft/azure-container-apps#511",
    ),
    confirmed(
        "certificate-one-key",
        "a file without exactly one private key is refused: CertificateMustContainOnePrivateKey",
        "microsoft/azure-container-apps#229, #305",
    ),
    assumed(
        "chain-order-checked",
        Switch::ChainOrderChecked,
        "PEM certificates that do not follow each other, each issued by the next, are refused",
        "they are accepted",
        "not confirmed; a chain out of order is refused by TLS clients",
    ),
    assumed(
        "certificate-replaced",
        Switch::CertificateReplaced,
        "PUT of another certificate under a name that is there replaces it",
        "it is refused, and only a new name is taken",
        "hashicorp/terraform-provider-azurerm#22648 reports that an update fails; Microsoft's page renews that way",
    ),
    confirmed(
        "certificate-from-vault",
        "a certificate in a vault is fetched by the environment's identity",
        "Microsoft Learn, Import certificates from Azure Key Vault to Azure Container Apps",
    ),
];
