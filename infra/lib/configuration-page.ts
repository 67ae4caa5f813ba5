/**
 * The page for users that lists every value of a deployment, made from their definition.
 *
 * A test compares it with CONFIGURATION.md, so that the page says what the program does.
 */

import { z } from 'zod';
import { schema } from './config.ts';

/** Every value as a page for users: name, default, what is allowed, and why. */
export function describeConfiguration(): string {
  const rows = Object.entries(schema.shape).flatMap(([name, value]) => describeValue(name, value));
  return [
    '# Configuration of a deployment',
    '',
    'What may stand in `deploy.json` in a project’s folder; what is left out has the default. Written by',
    '`npm run document` from `lib/config.ts`.',
    '',
    '| value | default | allowed | |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function describeValue(name: string, value: z.ZodType): string[] {
  const json = z.toJSONSchema(value, { io: 'input' }) as JsonSchema;
  if (json.properties === undefined) return [describeRow(name, json)];
  const head = `| **${name}** | | | ${json.description} |`;
  const values = Object.entries(json.properties);
  return [head, ...values.map(([key, value]) => describeRow(`${name}.${key}`, value))];
}

interface JsonSchema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  minimum?: number;
  maximum?: number;
  pattern?: string;
  format?: string;
  properties?: Record<string, JsonSchema>;
}

function describeRow(name: string, json: JsonSchema): string {
  const value = `\`${JSON.stringify(json.default)}\``;
  return `| \`${name}\` | ${value} | ${describeAllowed(json)} | ${json.description} |`;
}

function describeAllowed(json: JsonSchema): string {
  if (json.anyOf !== undefined) return json.anyOf.map(describeAllowed).join(' or ');
  if (json.enum !== undefined) {
    const values = json.enum.map((value) => JSON.stringify(value));
    return values.length > 6 ? `${values[0]} … ${values.at(-1)}` : values.join(', ');
  }
  if (json.minimum !== undefined) {
    const most = json.maximum === Number.MAX_SAFE_INTEGER ? 'or more' : `to ${json.maximum}`;
    return `${json.minimum} ${most}`;
  }
  if (json.type === 'boolean') return 'true, false';
  return json.format ?? (json.type === 'null' ? 'null' : 'a text');
}
