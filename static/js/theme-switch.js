const CHOICES = ["system", "light", "dark"];

/** A button that goes from the system's theme to light to dark and back, and remembers it. */
export class ThemeSwitch {
  #button;

  /** @param {HTMLButtonElement} button */
  constructor(button) {
    this.#button = button;
  }

  start() {
    this.#button.addEventListener("click", this.#next);
    this.#show();
    this.#button.hidden = false;
  }

  stop() {
    this.#button.removeEventListener("click", this.#next);
  }

  #next = () => {
    const choice = CHOICES[(CHOICES.indexOf(this.#choice()) + 1) % CHOICES.length];
    if (choice === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
    remember(choice);
    this.#show();
  };

  #show() {
    const choice = this.#choice();
    const words = { system: gettext("as the system"), light: gettext("light"), dark: gettext("dark") };
    const label = interpolate(gettext("Theme: %(choice)s"), { choice: words[choice] }, true);
    this.#button.dataset.choice = choice;
    this.#button.setAttribute("aria-label", label);
    this.#button.title = label;
  }

  #choice() {
    return document.documentElement.dataset.theme ?? "system";
  }
}

function remember(choice) {
  try {
    if (choice === "system") localStorage.removeItem("theme");
    else localStorage.setItem("theme", choice);
  } catch {
    // Storage is forbidden here: the choice holds for this page.
  }
}
