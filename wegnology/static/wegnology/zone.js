// Tells the server in which time zone the browser is, so that pages show its times. Without it they are in the installation's.
(() => {
  "use strict";

  const YEAR_S = 31536000;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone || document.cookie.split("; ").includes(`zone=${zone}`)) return;
  const secure = window.location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `zone=${zone}; path=/; max-age=${YEAR_S}; SameSite=Lax${secure}`;
})();
