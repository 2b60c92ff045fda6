/**
 * Which keys a schema knows at a place in the data, so that an unknown key can be answered by the near one. Read from
 * the JSON schema, since that is plain data with a handful of forms, and zod's own objects are many.
 */
import { z } from "zod";

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode | boolean;
  readonly prefixItems?: readonly SchemaNode[];
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
  readonly allOf?: readonly SchemaNode[];
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, SchemaNode>>;
  readonly const?: unknown;
}

/** The keys that may stand in the object at `path` of `data`. Empty when the schema cannot tell. */
export function knownKeys(
  schema: z.ZodType,
  path: readonly PropertyKey[],
  data: unknown,
): readonly string[] {
  const root = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as SchemaNode;
  let nodes = alternatives(root, root, data);
  let value = data;
  for (const part of path) {
    value = childOf(value, part);
    nodes = nodes.flatMap((node) => {
      const next = step(node, part);
      return next === null ? [] : alternatives(next, root, value);
    });
  }
  return [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
}

const childOf = (value: unknown, key: PropertyKey): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<PropertyKey, unknown>)[key]
    : undefined;

function step(node: SchemaNode, part: PropertyKey): SchemaNode | null {
  if (typeof part === "number") {
    const item = node.prefixItems?.[part] ?? node.items;
    return typeof item === "object" ? item : null;
  }
  const name = String(part);
  if (node.properties !== undefined && Object.hasOwn(node.properties, name)) {
    return node.properties[name] ?? null;
  }
  return typeof node.additionalProperties === "object" ? node.additionalProperties : null;
}

/** The node itself or what it stands for. Of a union only the members whose fixed values (the discriminator) fit the data. */
function alternatives(
  node: SchemaNode,
  root: SchemaNode,
  value: unknown,
  depth = 0,
): readonly SchemaNode[] {
  if (depth > 20) return [];
  const nested = [...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.allOf ?? [])];
  const target = node.$ref === undefined ? null : resolveReference(node.$ref, root);
  const members = [...nested, ...(target === null ? [] : [target])].flatMap((member) =>
    alternatives(member, root, value, depth + 1),
  );
  const fitting = members.filter((member) => fits(member, value));
  return [node, ...(fitting.length > 0 ? fitting : members)];
}

const fits = (node: SchemaNode, value: unknown): boolean =>
  Object.entries(node.properties ?? {}).every(
    ([key, property]) => property.const === undefined || property.const === childOf(value, key),
  );

function resolveReference(reference: string, root: SchemaNode): SchemaNode | null {
  if (reference === "#") return root;
  const name = /^#\/\$defs\/(.+)$/.exec(reference)?.[1];
  return name === undefined ? null : (root.$defs?.[name] ?? null);
}
