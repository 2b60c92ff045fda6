/** The house rules as a test: who may import whom, how long things may be, and what must not be written at all. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const folders = ["harness", "scenarios", "fixtures", "images", "reports", "test"];

const files = folders.flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(relative(root, entry.parentPath), entry.name)),
);
const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), "utf8")]));

/** ARCHITECTURE.md's own table: what a folder may import besides itself. The longest folder that fits a file decides. */
const mayImport = new Map<string, readonly string[] | "all">(
  [
    ...readFileSync(join(root, "docs", "ARCHITECTURE.md"), "utf8").matchAll(
      /^\| `([^`]+)` \| [^|]+ \| ([^|]+) \|$/gm,
    ),
  ].flatMap(([, folder = "", others = ""]): [string, readonly string[] | "all"][] => {
    const named = [...others.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
    if (others.trim() === "everything") return [[folder, "all"]];
    return /^(?:harness|images|fixtures|scenarios|reports|test)\b/.test(folder) &&
      (named.length > 0 || others.trim() === "nothing")
      ? [[folder, [folder, ...named]]]
      : [];
  }),
);

const isBelow = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(`${folder}/`);

function ruleFor(file: string): readonly string[] | "all" {
  const folders = [...mayImport.keys()].filter((folder) => isBelow(file, folder));
  const longest = folders.sort((a, b) => b.length - a.length)[0];
  return longest === undefined ? [] : (mayImport.get(longest) ?? []);
}

function importsOf(file: string, text: string): string[] {
  const found = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map(
    (match) => match[1] ?? "",
  );
  return found.map((path) => relative(root, resolve(root, dirname(file), path)));
}

describe("directions of imports", () => {
  test("the table names every folder that is there, and none that is not", () => {
    const unruled = files.filter((file) => ruleFor(file).length === 0);
    expect(unruled).toEqual([]);
    const named = [...mayImport].flatMap(([folder, others]) => [
      folder,
      ...(others === "all" ? [] : others),
    ]);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect(mayImport.size).toBeGreaterThan(15);
  });

  test("every file imports only what its folder may", () => {
    const wrong = [...sources].flatMap(([file, text]) => {
      const rule = ruleFor(file);
      if (rule === "all") return [];
      return importsOf(file, text)
        .filter((target) => !rule.some((folder) => isBelow(target, folder)))
        .map((target) => `${file}: must not import ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  test("no files import each other in a circle", () => {
    const done = new Set<string>();
    const circles: string[] = [];
    const walk = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" → "));
      if (done.has(file) || path.includes(file)) return;
      for (const next of importsOf(file, sources.get(file) ?? "")) walk(next, [...path, file]);
      done.add(file);
    };
    for (const file of files) walk(file, []);
    expect(circles).toEqual([]);
  });

  test("scenarios use no process, network or file of the host", () => {
    const wrong = [...sources].filter(
      ([file, text]) =>
        file.startsWith("scenarios/") && /from "(?:execa|ssh2|node:|fs|child_process)/.test(text),
    );
    expect(wrong.map(([file]) => file)).toEqual([]);
  });
});

describe("size and shape", () => {
  test("no file has more than 300 lines", () => {
    const long = [...sources].map(([file, text]) => `${file}: ${text.split("\n").length} lines`);
    expect(long.filter((line) => Number(/: (\d+) lines/.exec(line)?.[1]) > 301)).toEqual([]);
  });

  test("no function has more than 70 lines", () => {
    const long: string[] = [];
    for (const [file, text] of sources) {
      if (file.startsWith("test/")) continue;
      const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
      const visit = (node: ts.Node): void => {
        if (ts.isFunctionLike(node)) {
          const lineOf = (position: number): number =>
            source.getLineAndCharacterOfPosition(position).line;
          const lines = lineOf(node.getEnd()) - lineOf(node.getStart(source)) + 1;
          if (lines > 70 && file !== "harness/cli/cli.ts")
            long.push(`${file}:${lineOf(node.getStart(source)) + 1}: ${lines} lines`);
        }
        ts.forEachChild(node, visit);
      };
      visit(source);
    }
    expect(long).toEqual([]);
  });

  test("every module says what it is before its code", () => {
    const silent = [...sources].filter(
      ([file, text]) =>
        !file.startsWith("scenarios/") &&
        !file.startsWith("test/") &&
        !/^\s*(?:\/\*\*|\/\/)/.test(text),
    );
    expect(silent.filter(([file]) => file !== "harness/index.ts").map(([file]) => file)).toEqual(
      [],
    );
  });

  test("only scenarios and tool configuration have a default export", () => {
    const wrong = [...sources].filter(
      ([file, text]) => !/^scenarios\/|config\.ts$/.test(file) && /^export default /m.test(text),
    );
    expect(wrong.map(([file]) => file)).toEqual([]);
  });
});

describe("habits", () => {
  test("machines and services are bound by `await using` in scenarios", () => {
    const wrong = [...sources].filter(
      ([file, text]) =>
        file.startsWith("scenarios/") &&
        /(?:const|let)\s+\w+\s*=\s*await (?:boot|registry)\(/.test(text),
    );
    expect(wrong.map(([file]) => file)).toEqual([]);
  });

  test("a scenario that has something of the harness beside its guests says that they have to reach it", () => {
    const wrong = [...sources].filter(
      ([file, text]) =>
        file.startsWith("scenarios/") &&
        /await (?:use|registry)\(/.test(text) &&
        !/publishes: \[|capabilities: \[[^\]]*"services"|from: "/.test(text),
    );
    expect(wrong.map(([file]) => file)).toEqual([]);
  });

  test("no scenario sleeps, retries or catches", () => {
    const wrong = [...sources].filter(
      ([file, text]) =>
        file.startsWith("scenarios/") && /\bsetTimeout\b|\bdelay\(|\bcatch\b|\bretry\b/.test(text),
    );
    expect(wrong.map(([file]) => file)).toEqual([]);
  });

  test("step names are unique in a scenario", () => {
    const wrong = [...sources].filter(([file, text]) => {
      if (!file.startsWith("scenarios/")) return false;
      const names = [...text.matchAll(/step\(\s*"([^"]+)"/g)].map((match) => match[1]);
      return new Set(names).size !== names.length;
    });
    expect(wrong.map(([file]) => file)).toEqual([]);
  });

  test("what tests share registers hooks only where a test file asks for it: files of a worker share the module", () => {
    const wrong = [...sources].filter(
      ([file, text]) =>
        /^test\/(?!config\/)/.test(file) &&
        !file.endsWith(".test.ts") &&
        /^(?:before|after)(?:Each|All)\(/m.test(text),
    );
    expect(wrong.map(([file]) => file)).toEqual([]);
  });

  test("no path of one machine is written down", () => {
    const marks = [["", "work", ""].join("/"), ["", "tmp", "bash_jobs"].join("/")];
    const wrong = [...sources].filter(([, text]) => marks.some((mark) => text.includes(mark)));
    expect(wrong.map(([file]) => file)).toEqual([]);
  });

  test('prose is plain: no archaisms, and "is not a" for "is no"', () => {
    // Put together here, so that this file has none of them.
    const words = [
      "an" + "ew",
      "who" + "ever",
      "am" + "iss",
      "in " + "vain",
      "al" + "beit",
      "be" + "hold",
    ];
    const stale = new RegExp(
      `\\b(?:${words.join("|")})\\b|\\b(?<!there )(?:is|are) no [a-z]+(?<! longer| more)\\b`,
      "i",
    );
    const pages = readdirSync(join(root, "docs"), { recursive: true })
      .map(String)
      .filter((name) => name.endsWith(".md"));
    const others = ["images", "fixtures", "scenarios", "test"].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true })
        .map((name) => `${folder}/${String(name)}`)
        .filter((name) => /\.(?:md|py)$/.test(name) && !name.includes("transcripts/")),
    );
    const texts = [
      "README.md",
      "CONTRIBUTING.md",
      "CHANGELOG.md",
      ...pages.map((name) => `docs/${name}`),
      ...others,
    ];
    const all = [
      ...sources,
      ...texts.map((name) => [name, readFileSync(join(root, name), "utf8")] as const),
    ];
    const found = all.flatMap(([file, text]) =>
      text
        .split("\n")
        .flatMap((line, index) =>
          stale.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [],
        ),
    );
    expect(found).toEqual([]);
  });

  test("package versions are exact", () => {
    const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Record<
      string,
      Record<string, string>
    >;
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });
});
