"""Routes of signing in with another system's account."""

from __future__ import annotations

from allauth.socialaccount import views as pages
from allauth.socialaccount.providers.saml import views as saml
from django.urls import path, reverse_lazy
from django.views.generic import RedirectView

from connectors.single_sign_on import again, views

urlpatterns = [
    path("accounts/oidc/<slug:provider_id>/", views.login, name="openid_connect_login"),
    path("accounts/oidc/<slug:provider_id>/back/", views.callback, name="openid_connect_callback"),
    path("accounts/saml/<slug:organization_slug>/", saml.login, name="saml_login"),
    path("accounts/saml/<slug:organization_slug>/back/", views.take_saml, name="saml_acs"),
    path("accounts/saml/<slug:organization_slug>/finish/", views.finish_saml, name="saml_finish_acs"),
    path("accounts/saml/<slug:organization_slug>/metadata/", saml.metadata, name="saml_metadata"),
    # The page asks first: an unsigned request from elsewhere must not sign anybody out.
    path(
        "accounts/saml/<slug:organization_slug>/out/",
        RedirectView.as_view(url=reverse_lazy("account_logout")),
        name="saml_sls",
    ),
    path("accounts/again/there/", again.sign_in_again, name="sign_in_again"),
    path("accounts/cancelled/", pages.login_cancelled, name="socialaccount_login_cancelled"),
]
