/** File names for results: images of the same name in several folders do not overwrite each other. */

/** Names that were given so far. */
export class UniqueNames {
  readonly #taken = new Set<string>();

  /** Takes a name that was given before. */
  take(name: string): void {
    this.#taken.add(name.toLowerCase());
  }

  /** `a/b.jpg` → `b.jpg`, then `b_2.jpg`; the extension is that of the result. Standard input (`-`) is called `stdin`. */
  of(path: string, extension: string): string {
    const stem = path === "-" ? "stdin" : path.slice(path.lastIndexOf("/") + 1).replace(/\.[^.]*$/, "");
    for (let n = 1;; n++) {
      const name = `${stem}${n === 1 ? "" : `_${n}`}.${extension}`;
      const key = name.toLowerCase(); // some file systems do not tell case
      if (this.#taken.has(key)) continue;
      this.#taken.add(key);
      return name;
    }
  }
}
