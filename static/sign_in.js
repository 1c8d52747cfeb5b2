// Passkeys: hands what allauth's script asks for to the buttons of our pages, and says when the browser refused.
(() => {
  // A browser keeps passkeys for names, never for bare addresses, and only where nobody can listen in.
  const works = window.PublicKeyCredential && isSecureContext && !/^[\d.]+$|:/.test(location.hostname);
  for (const each of document.querySelectorAll("[data-passkeys]")) each.hidden = (each.dataset.passkeys === "work") !== Boolean(works);

  const problem = document.getElementById("passkey-problem");
  document.addEventListener("allauth.error", (event) => {
    event.preventDefault();
    if (problem) problem.hidden = false;
  });

  const button = document.querySelector("[data-passkey]");
  if (!button) return;
  const ids = { credential: "id_credential", data: "js_data", [button.dataset.passkey]: button.id, passwordless: "id_passwordless" };
  const forms = window.allauth.webauthn.forms;
  const begin = { add: forms.addForm, login: forms.loginForm, authenticate: forms.authenticateForm }[button.dataset.passkey];
  begin({ ids });
  button.addEventListener("click", () => { if (problem) problem.hidden = true; });
})();
