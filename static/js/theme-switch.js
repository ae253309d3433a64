/** A button that turns light into dark and back, and remembers it. Without a choice the system's counts. */
export class ThemeSwitch {
  #button;
  #system = matchMedia("(prefers-color-scheme: dark)");

  /** @param {HTMLButtonElement} button */
  constructor(button) {
    this.#button = button;
  }

  start() {
    this.#button.addEventListener("click", this.#toggle);
    this.#system.addEventListener("change", this.#show);
    this.#show();
  }

  stop() {
    this.#button.removeEventListener("click", this.#toggle);
    this.#system.removeEventListener("change", this.#show);
  }

  #toggle = () => {
    const theme = this.#isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // Storage is forbidden here: the choice holds for this page.
    }
    this.#show();
  };

  #show = () => {
    this.#button.setAttribute("aria-pressed", String(this.#isDark()));
  };

  #isDark() {
    const { theme } = document.documentElement.dataset;
    return theme ? theme === "dark" : this.#system.matches;
  }
}
