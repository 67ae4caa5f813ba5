/**
 * Every value of a deployment that may be changed: its default, its unit and the reason for it.
 *
 * A user writes what differs into `deploy.json` in the project's folder. Whatever is not known, not
 * allowed, or does not fit together is an error here, before anything is deployed, because AWS would
 * find it late or never: a record's maximum age above the stream's retention is accepted by AWS, and
 * loses records without a trace.
 */

import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';

const HOUR_SECONDS = 3600;
/** How long a speed row is kept, from when its span of epochs was begun (see decision 0012). */
export const SPEED_ROW_HOURS = 14 * 24;
/** Lambda's largest payload, in which records travel in base64. */
const MAX_BATCH_RECORDS = 10_000;

const integer = (least: number, most: number) => z.int().min(least).max(most);
const memoryMb = integer(128, 10_240);
const timeoutSeconds = integer(1, 900);

/** The retention periods that CloudWatch Logs knows. */
const LOG_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288,
  3653,
];

/** A section of the configuration: every value has a default, and an unknown name is an error. */
function section<T extends z.core.$ZodLooseShape>(what: string, shape: T) {
  return z
    .strictObject(shape)
    .prefault({} as never)
    .describe(what);
}

const consumer = (batchWindowSeconds: number, memory: number) => ({
  batchRecords: integer(1, MAX_BATCH_RECORDS)
    .default(MAX_BATCH_RECORDS)
    .describe('Records per delivery at most. Larger deliveries make fewer and larger writes.'),
  batchWindowSeconds: integer(0, 300)
    .default(batchWindowSeconds)
    .describe('How long Lambda gathers records before it delivers them.'),
  memoryMb: memoryMb.default(memory).describe('Memory; processors come with it, one per 1,769 MB.'),
  timeoutSeconds: timeoutSeconds
    .default(120)
    .describe('After this a delivery is given up and made again.'),
});

/** Each value with its default, what is allowed, and the reason. */
export const schema = z.strictObject({
  stackName: z
    .string()
    .regex(/^[a-zA-Z][a-zA-Z0-9-]{0,99}$/, 'a letter, then up to 99 letters, digits and dashes')
    .default('anabranch')
    .describe('The name of the CloudFormation stack. Another name is another deployment.'),
  architecture: z
    .enum(['arm64', 'x86_64'])
    .default('arm64')
    .describe('What the functions were built for. Graviton costs a fifth less per millisecond.'),
  epoch: z
    .string()
    .regex(/^[1-9][0-9]*(s|m|h)$/, 'a whole number and a unit, such as `60s`')
    .default('60s')
    .describe(
      'The length of an epoch. Fixed for the life of the data: a stack that holds data must keep it.',
    ),
  stream: section('The stream of events.', {
    mode: z
      .enum(['on-demand', 'provisioned'])
      .default('on-demand')
      .describe('On demand grows by itself; provisioned shards cost less where traffic is steady.'),
    shards: integer(1, 10_000)
      .default(1)
      .describe('Shards of a provisioned stream: 1 MB or 1,000 events per second each.'),
    retentionHours: integer(24, 8760)
      .default(168)
      .describe(
        'How long the stream keeps records. As long may archiving stand still and nothing is lost.',
      ),
  }),
  delivery: section('How Lambda delivers records to the archive and the speed layer.', {
    enabled: z
      .boolean()
      .default(true)
      .describe(
        'false holds both layers up, as while something is mended, or where an emulator’s records are delivered by another.',
      ),
    retries: integer(0, 10_000)
      .default(10_000)
      .describe(
        'Deliveries of one batch before it is given up. No payload is poison: what fails is a store, and there a retry is the cure.',
      ),
    maxAgeHours: integer(1, 168)
      .default(144)
      .describe(
        "The age at which records are given up. Below the stream's retention, so that they go to the failures bucket, from where they are delivered again, and are not lost.",
      ),
  }),
  archive: section('Records into the master data set.', consumer(30, 1024)),
  speed: section('Records into speed rows.', consumer(2, 1769)),
  batch: section('Planning, building and publishing batch views.', {
    every: z
      .string()
      .regex(/^[1-9][0-9]*(m|h)$/, 'a whole number and a unit, such as `15m`')
      .default('15m')
      .describe('The time between two batch versions. What a build misses, speed rows hold.'),
    nativeMaxBytes: z
      .int()
      .min(1 << 20)
      .default(2 * 2 ** 30)
      .describe(
        'Bytes of the master data set up to which a build runs inside the function. Beyond it is Glue’s, or, without Glue, of the builds after it.',
      ),
    memoryMb: memoryMb.default(3538).describe('Memory: two processors.'),
    timeoutSeconds: timeoutSeconds.default(900).describe('The longest that Lambda allows.'),
    reserveConcurrency: z
      .boolean()
      .default(true)
      .describe(
        'Let one instance run at a time. Two are exact as well, and do the work twice; false is for accounts with too little concurrency to reserve any.',
      ),
  }),
  ingest: section('POST /v1/events.', {
    memoryMb: memoryMb.default(512).describe('Memory.'),
    timeoutSeconds: integer(1, 30).default(29).describe('API Gateway waits for 30 seconds.'),
  }),
  query: section('Everything else that is asked over HTTP.', {
    memoryMb: memoryMb
      .default(1769)
      .describe('Memory: one processor, and a cache of what was read.'),
    timeoutSeconds: integer(1, 30).default(29).describe('API Gateway waits for 30 seconds.'),
  }),
  api: section('The HTTP API.', {
    auth: z
      .enum(['iam', 'bearer'])
      .default('iam')
      .describe(
        'Who is let in: requests signed with AWS credentials, or those with a token of the stack’s secret.',
      ),
    ratePerSecond: integer(1, 10_000)
      .default(500)
      .describe('Requests per second, of all clients together. More are answered with 429.'),
    burst: integer(1, 5_000).default(1000).describe('Requests at once, of all clients together.'),
  }),
  masterDataSet: section('The bucket that holds every record.', {
    objectLock: z
      .enum(['off', 'governance', 'compliance'])
      .default('governance')
      .describe(
        'Whether objects can be removed before their time: by those who may bypass governance, or by nobody at all. Whether there is a lock is fixed when the bucket is made.',
      ),
    objectLockDays: integer(1, 36_500).default(365).describe('For how long objects are locked.'),
    infrequentAccessAfterDays: integer(30, 36_500)
      .nullable()
      .default(90)
      .describe('When objects move to Standard-IA; null: never.'),
    instantRetrievalAfterDays: integer(90, 36_500)
      .nullable()
      .default(365)
      .describe(
        'When objects move to Glacier Instant Retrieval; null: never. Not to slower classes: a full build reads everything.',
      ),
    athenaFrom: z.iso
      .date()
      .default('2026-01-01')
      .describe('The first day that Athena looks for. Days before it are not seen by Athena.'),
  }),
  encryptionKey: z
    .enum(['customer', 'aws'])
    .default('customer')
    .describe(
      "Whose keys encrypt what is stored: one of the stack's own in KMS, with its policy and its log of uses, or AWS's.",
    ),
  protection: section('What is kept from being removed by mistake.', {
    retain: z
      .boolean()
      .default(true)
      .describe(
        'Keep buckets, tables and the stream when the stack is removed, and refuse to remove the stack and its tables. false is for trials: removing the stack removes all data.',
      ),
    pointInTimeRecovery: z
      .boolean()
      .default(true)
      .describe('Continuous backups of the tables, 35 days back.'),
  }),
  glue: section('Builds beyond what a function can do, on AWS Glue.', {
    script: z
      .string()
      .nullable()
      .default(null)
      .describe('The path of the job’s script; null: no Glue job.'),
    version: z.enum(['5.0', '5.1']).default('5.0').describe('The version of AWS Glue.'),
    workerType: z
      .enum(['G.1X', 'G.2X', 'G.4X', 'G.8X'])
      .default('G.1X')
      .describe('A worker’s size.'),
    workers: integer(2, 299).default(4).describe('How many workers, the driver included.'),
    timeoutMinutes: integer(1, 2880).default(120).describe('After this a job is stopped.'),
  }),
  alarms: section('When somebody is told.', {
    email: z.email().nullable().default(null).describe('Who; null: nobody yet.'),
    iteratorAgeMinutes: integer(1, 10_080)
      .default(10)
      .describe('Records wait this long to be archived or absorbed.'),
    rejectedInFiveMinutes: integer(1, 1_000_000_000)
      .default(100)
      .describe('More events than these were rejected by the schema in five minutes.'),
    horizonLagMinutes: integer(1, 20_160)
      .default(120)
      .describe('The batch views’ horizon is this far behind.'),
    rowExpiryLagHours: integer(1, SPEED_ROW_HOURS - 1)
      .default(72)
      .describe(
        'The horizon is so far behind that speed rows may expire before a batch version holds what they hold. They are kept for 14 days.',
      ),
  }),
  logs: section('What the functions and the API write down.', {
    level: z.enum(['error', 'warn', 'info', 'debug']).default('info').describe('How much.'),
    retentionDays: z
      .literal(LOG_DAYS)
      .default(30)
      .describe('How long, in days, out of those that CloudWatch Logs knows.'),
  }),
});

/** A deployment's configuration, complete and consistent. */
export type Config = z.output<typeof schema>;

/** What a user may write: any part of it. */
export type ConfigInput = z.input<typeof schema>;

/** The configuration is not one that can be deployed. Its message lists everything that is wrong. */
export class ConfigError extends Error {}

/** Completes `input` with the defaults, or says everything that is wrong with it. */
export function configure(input: unknown, source = 'the configuration'): Config {
  const parsed = schema.safeParse(input, { reportInput: true });
  if (!parsed.success) {
    throw new ConfigError(`${source}:\n${parsed.error.issues.map(describeIssue).join('\n')}`);
  }
  const problems = contradictions(parsed.data);
  if (problems.length > 0) {
    throw new ConfigError(`${source}:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
  }
  return parsed.data;
}

/** The configuration in a file; all defaults where there is no such file. */
export function configureFromFile(path: string): Config {
  if (!existsSync(path)) return configure({});
  let input: unknown;
  try {
    input = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ConfigError(`${path}: not JSON: ${(error as Error).message}`);
  }
  return configure(input, path);
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const keys = issue.keys.map((key) => `\`${path === '' ? key : `${path}.${key}`}\``);
    return `  ${keys.join(', ')}: there is no such value; see infra/CONFIGURATION.md`;
  }
  return `  ${path}: ${JSON.stringify(issue.input)} is not allowed: ${issue.message}`;
}

/** What is allowed value by value, and wrong together. */
function contradictions(config: Config): string[] {
  const { stream, delivery, archive, speed, masterDataSet, protection, alarms } = config;
  const problems: string[] = [];
  if (delivery.maxAgeHours >= stream.retentionHours) {
    problems.push(
      `delivery.maxAgeHours: ${delivery.maxAgeHours} is not below stream.retentionHours (${stream.retentionHours}): records would leave the stream before they are given up, and be lost`,
    );
  }
  for (const [name, { batchWindowSeconds, timeoutSeconds }] of Object.entries({ archive, speed })) {
    if (batchWindowSeconds >= alarms.iteratorAgeMinutes * 60) {
      problems.push(
        `${name}.batchWindowSeconds: ${batchWindowSeconds} is not below alarms.iteratorAgeMinutes (${alarms.iteratorAgeMinutes}): the alarm would always sound`,
      );
    }
    if (timeoutSeconds * 2 > delivery.maxAgeHours * HOUR_SECONDS) {
      problems.push(`${name}.timeoutSeconds: ${timeoutSeconds} leaves no time for a second try`);
    }
  }
  const { infrequentAccessAfterDays: infrequent, instantRetrievalAfterDays: instant } =
    masterDataSet;
  if (infrequent !== null && instant !== null && instant < infrequent + 30) {
    problems.push(
      `masterDataSet.instantRetrievalAfterDays: ${instant} is not 30 days behind infrequentAccessAfterDays (${infrequent}): S3 bills at least 30 days in Standard-IA`,
    );
  }
  if (!protection.retain && masterDataSet.objectLock !== 'off') {
    problems.push(
      `masterDataSet.objectLock: ${masterDataSet.objectLock} contradicts protection.retain = false: a locked object cannot be removed with the stack; a trial sets it to off`,
    );
  }
  if (alarms.horizonLagMinutes >= alarms.rowExpiryLagHours * 60) {
    problems.push(
      `alarms.horizonLagMinutes: ${alarms.horizonLagMinutes} is not below alarms.rowExpiryLagHours (${alarms.rowExpiryLagHours}): it would sound last`,
    );
  }
  return problems;
}
