/* In the place of Furo's script, which Debian ships as a module: browsers load no modules from file://.
 * The button for light, dark, and as the system is. */
(function () {
  "use strict";
  var modes = ["auto", "light", "dark"];
  var stored = "auto";
  try { stored = localStorage.getItem("theme") || "auto"; } catch (e) { /* none is kept */ }

  function set(mode) {
    document.body.dataset.theme = modes.indexOf(mode) < 0 ? "auto" : mode;
    try { localStorage.setItem("theme", document.body.dataset.theme); } catch (e) { /* none is kept */ }
  }

  document.documentElement.classList.remove("no-js");
  document.addEventListener("DOMContentLoaded", function () {
    set(stored);
    document.querySelectorAll(".theme-toggle").forEach(function (button) {
      button.addEventListener("click", function () {
        set(modes[(modes.indexOf(document.body.dataset.theme) + 1) % modes.length]);
      });
    });
  });
})();
