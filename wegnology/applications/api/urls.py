"""Addresses below /api of what belongs to applications alone."""

from django.urls import path

from wegnology.applications.api import account_views as accounts
from wegnology.applications.api import application_views as applications
from wegnology.applications.api import audit_views as audit
from wegnology.applications.api import credential_views as credentials
from wegnology.applications.api import token_views as tokens
from wegnology.applications.api import usage_views as usage

_APPLICATION = "applications/<str:applicationId>"

urlpatterns = [
    path("auth/user", accounts.LoginView.as_view(), name="auth_user"),
    path("auth/ssoDomain", accounts.SsoDomain.as_view(), name="auth_sso_domain"),
    path("me", accounts.MeView.as_view(), name="me"),
    path("me/changePassword", accounts.PasswordView.as_view(), name="me_change_password"),
    path("me/refreshToken", accounts.RefreshView.as_view(), name="me_refresh_token"),
    path("me/token", accounts.LogOutView.as_view(), name="me_token"),
    path("applications", applications.ApplicationsView.as_view(), name="applications"),
    path(_APPLICATION, applications.ApplicationView.as_view(), name="application"),
    path(f"{_APPLICATION}/globals", applications.GlobalsView.as_view(), name="globals"),
    path(f"{_APPLICATION}/payloadCounts", usage.PayloadCountsView.as_view(), name="payload_counts"),
    path(f"{_APPLICATION}/payloadCountsBreakdown", usage.PayloadCountsBreakdownView.as_view(), name="payload_breakdown"),
    path(f"{_APPLICATION}/tokens", tokens.TokensView.as_view(), name="tokens"),
    path(f"{_APPLICATION}/tokens/<str:apiTokenId>", tokens.TokenView.as_view(), name="token"),
    path(f"{_APPLICATION}/credentials", credentials.CredentialsView.as_view(), name="credentials"),
    path(f"{_APPLICATION}/credentials/<str:credentialId>", credentials.CredentialView.as_view(), name="credential"),
    path(f"{_APPLICATION}/audit-logs", audit.AuditLogsView.as_view(), name="audit_logs"),
    path(f"{_APPLICATION}/audit-logs/<str:auditLogId>", audit.AuditLogView.as_view(), name="audit_log"),
    path("orgs/<str:orgId>/audit-logs", audit.AuditLogsView.as_view(), name="org_audit_logs"),
    path("orgs/<str:orgId>/audit-logs/<str:auditLogId>", audit.AuditLogView.as_view(), name="org_audit_log"),
]
