/** Every way in for files: the picker, a drop anywhere in the window, the clipboard. */
export class DropZone {
  #input;
  #veil;
  #onFiles;
  #listeners = null;

  /** @param {{input: HTMLInputElement, veil: HTMLElement, onFiles: (files: File[]) => void}} options */
  constructor({ input, veil, onFiles }) {
    this.#input = input;
    this.#veil = veil;
    this.#onFiles = onFiles;
  }

  start() {
    this.#listeners = new AbortController();
    const { signal } = this.#listeners;
    this.#input.addEventListener("change", () => this.#pick(), { signal });
    addEventListener("dragover", (event) => this.#hover(event), { signal });
    addEventListener("dragleave", (event) => this.#leave(event), { signal });
    addEventListener("drop", (event) => this.#drop(event), { signal });
    addEventListener("paste", (event) => this.#paste(event), { signal });
    this.#input.disabled = false;
  }

  stop() {
    this.#listeners?.abort();
    this.#input.disabled = true;
  }

  #pick() {
    const files = [...this.#input.files];
    this.#input.value = ""; // so that the same file can be chosen again
    this.#take(files);
  }

  #hover(event) {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    this.#veil.hidden = false;
  }

  #leave(event) {
    if (event.relatedTarget === null) this.#veil.hidden = true;
  }

  #drop(event) {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    this.#veil.hidden = true;
    this.#take([...event.dataTransfer.files]);
  }

  #paste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) event.preventDefault();
    this.#take(files);
  }

  #take(files) {
    if (files.length) this.#onFiles(files);
  }
}
