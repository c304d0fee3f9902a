/** Which names a source exports, and which it takes from others: what the test of unused exports reads. */

/** A source by its path from the root, with slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** One name of one file; `*` for all of them. */
export interface NameOf {
  readonly path: string;
  readonly name: string;
}

/** What a source does with names. */
export interface Names {
  /** Declared here and exported. */
  readonly declared: readonly string[];
  /** Taken from another file to be used here. */
  readonly taken: readonly NameOf[];
  /** Taken from another file and exported again, under the second name. */
  readonly passedOn: readonly { readonly from: NameOf; readonly as: string }[];
}

/** The source without its comments; a comment that a string contains goes too, which the rules here do not mind. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

/** Reads `{ a, type B as C }`. */
function listed(names: string): { readonly name: string; readonly as: string }[] {
  return names.split(",").map((part) => part.trim().replace(/^type\s+/, "")).filter((part) => part !== "").map(
    (part) => {
      const [name, as = name] = part.split(/\s+as\s+/);
      return { name, as };
    },
  );
}

/** The names of one source. */
export function namesOf({ path, text }: Source): Names {
  const code = withoutComments(text);
  // The chapters of the tour name the project's root.
  const at = (specifier: string) => new URL(specifier.replace(/^dinograd\//, "/"), `file:///${path}`).pathname.slice(1);
  const declared = [...code.matchAll(
    /^export\s+(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:function\*?|const|let|class|interface|type|enum)\s+(\w+)/gm,
  )].map(([, name]) => name);
  for (const [, names] of code.matchAll(/^export\s+const\s+[{[]([^=]*?)[}\]]\s*=/gm)) {
    declared.push(...listed(names).map(({ as }) => as));
  }
  const taken: NameOf[] = [], passedOn: { from: NameOf; as: string }[] = [];
  for (
    const [, names, specifier] of code.matchAll(
      /^import\s+(?:type\s+)?([^"';]*?)\s+from\s+"((?:\.|dinograd\/)[^"]+)"/gm,
    )
  ) {
    const braces = /\{([\s\S]*)\}/.exec(names)?.[1];
    if (braces !== undefined) taken.push(...listed(braces).map(({ name }) => ({ path: at(specifier), name })));
    else taken.push({ path: at(specifier), name: "*" });
  }
  for (
    const [, names, specifier] of code.matchAll(
      /(?:(?:const|let)\s*\{([^}]*)\}\s*=\s*await\s+)?import\(\s*"((?:\.|dinograd\/)[^"]+)"/g,
    )
  ) {
    if (names === undefined) taken.push({ path: at(specifier), name: "*" });
    else taken.push(...listed(names.replaceAll(":", " as ")).map(({ name }) => ({ path: at(specifier), name })));
  }
  for (const [, names, specifier] of code.matchAll(/^export\s+(?:type\s+)?(\*|\{[^}]*\})\s+from\s+"(\.[^"]+)"/gm)) {
    if (names === "*") passedOn.push({ from: { path: at(specifier), name: "*" }, as: "*" });
    else {
      const list = listed(names.slice(1, -1));
      passedOn.push(...list.map(({ name, as }) => ({ from: { path: at(specifier), name }, as })));
    }
  }
  return { declared, taken, passedOn };
}

/** Names that no other source takes, by way of whatever passes them on; those of `faces` are for everybody. */
export function unusedExports(sources: readonly Source[], faces: readonly string[]): string[] {
  const names = new Map(sources.map((source) => [source.path, namesOf(source)]));
  const used = new Set<string>();
  const use = (path: string, name: string): void => {
    const key = `${path}: ${name}`;
    if (used.has(key)) return;
    used.add(key);
    const own = names.get(path);
    if (own === undefined) return;
    if (name === "*") { for (const declared of own.declared) use(path, declared); }
    for (const { from, as } of own.passedOn) {
      if (as === name) use(from.path, from.name);
      else if (as === "*" || name === "*") use(from.path, as === "*" ? name : from.name);
    }
  };
  for (const face of faces) use(face, "*");
  for (const { taken } of names.values()) for (const { path, name } of taken) use(path, name);
  return [...names].flatMap(([path, { declared, passedOn }]) =>
    [...declared, ...passedOn.filter(({ as }) => as !== "*").map(({ as }) => as)]
      .filter((name) => !used.has(`${path}: ${name}`) && !used.has(`${path}: *`)).map((name) => `${path}: ${name}`)
  );
}
