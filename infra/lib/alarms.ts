/**
 * What somebody has to be told, and why.
 *
 * An alarm's description says what is the matter and what to look at; `docs/guide/deploy.md` lists
 * them. Where no number comes, nothing is wrong, except where the number is that something runs.
 */

import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import type { Stream } from 'aws-cdk-lib/aws-kinesis';
import type { EventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import type { Deployment } from './deployment.ts';
import { iteratorAge, mappingMetric, ownMetric } from './metrics.ts';
import type { RustFunction } from './rust-function.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const FIVE_MINUTES = Duration.minutes(5);

export interface Watched {
  readonly stream: Stream;
  /** By name. */
  readonly functions: Record<string, RustFunction>;
  readonly archive: { function: RustFunction; mapping: EventSourceMapping };
  readonly speed: { function: RustFunction; mapping: EventSourceMapping };
  readonly batch: RustFunction;
  readonly api: HttpApi;
}

interface Rule {
  readonly metric: IMetric;
  /** The alarm sounds above it, unless `below` is set. */
  readonly threshold: number;
  readonly below?: boolean;
  /** How many of how many periods in a row. */
  readonly of?: [number, number];
  readonly missing?: TreatMissingData;
  readonly because: string;
}

export class Alarms extends Construct {
  readonly topic: Topic;
  readonly alarms: Alarm[] = [];

  constructor(scope: Construct, id: string, deployment: Deployment, watched: Watched) {
    super(scope, id);
    this.topic = this.makeTopic(deployment);
    this.delivery(deployment, watched);
    this.views(deployment, watched);
    this.functions(watched);
    this.front(watched);
  }

  private makeTopic({ config, key }: Deployment): Topic {
    const topic = new Topic(this, 'Topic', {
      displayName: `Alarms of ${config.stackName}`,
      enforceSSL: true,
      ...(key === undefined ? {} : { masterKey: key }),
    });
    if (key === undefined) {
      acknowledge(topic, 'AwsSolutions-SNS2', 'Alarms cannot use AWS’s key, and hold no data');
    }
    if (config.alarms.email !== null) {
      topic.addSubscription(new EmailSubscription(config.alarms.email));
    }
    return topic;
  }

  /** Records wait, or were given up. */
  private delivery({ config }: Deployment, watched: Watched): void {
    for (const layer of ['archive', 'speed'] as const) {
      const { function: target, mapping } = watched[layer];
      const name = layer === 'archive' ? 'Archive' : 'Speed';
      const age = iteratorAge(target.function.functionName);
      this.add(`${name}IteratorAge`, {
        metric: age,
        threshold: config.alarms.iteratorAgeMinutes * MINUTE_MS,
        of: [3, 3],
        because: `Records wait for the function ${layer}. Its log says what fails.`,
      });
      if (layer === 'archive') {
        this.add('ArchiveRetention', {
          metric: age,
          threshold: (config.delivery.maxAgeHours * HOUR_MS) / 2,
          because:
            'Records have waited for the archive for half the time after which they are given up. Nothing is lost yet: the function archive has to work again.',
        });
      }
      this.add(`${name}GivenUp`, {
        metric: mappingMetric(mapping, 'OnFailureDestinationDeliveredEventCount'),
        threshold: 0,
        because:
          layer === 'archive'
            ? 'Records were given up by the archive and are in the failures bucket, from where batch archives them. Until then no batch version goes beyond them.'
            : 'Records were given up by the speed layer. Answers say that they are incomplete until a batch version covers them.',
      });
      this.add(`${name}Dropped`, {
        metric: mappingMetric(mapping, 'DroppedEventCount'),
        threshold: 0,
        because: `Records were given up by the function ${layer} and could not be put into the failures bucket. They are in the stream until its retention runs out.`,
      });
    }
  }

  /** Batch views fall behind, or events do not fit the schema. */
  private views({ config }: Deployment, { stream, batch }: Watched): void {
    const lag = ownMetric(stream, 'batch', 'HorizonLag', Stats.MAXIMUM);
    this.add('HorizonLag', {
      metric: lag,
      threshold: config.alarms.horizonLagMinutes * MINUTE_MS,
      of: [3, 3],
      missing: TreatMissingData.IGNORE,
      because: 'The batch views are behind: builds fail, or a shard is not sealed. See /v1/status.',
    });
    this.add('SpeedRowExpiry', {
      metric: lag,
      threshold: config.alarms.rowExpiryLagHours * HOUR_MS,
      missing: TreatMissingData.IGNORE,
      because:
        'The batch views are so far behind that speed rows may expire before they are covered. Answers would be incomplete.',
    });
    this.add('FailedBuilds', {
      metric: ownMetric(stream, 'batch', 'FailedBuilds'),
      threshold: 0,
      because: 'A build of batch views failed. The log of the function batch says why.',
    });
    this.add('GivenUpWaiting', {
      metric: ownMetric(stream, 'batch', 'GivenUpWaiting', Stats.MAXIMUM),
      threshold: 0,
      of: [6, 6],
      because:
        'What was given up has been in the failures bucket for half an hour and cannot be archived. The log of the function batch says why.',
    });
    this.add('Ticks', {
      metric: batch.function.metricInvocations({ period: FIVE_MINUTES }),
      threshold: 1,
      below: true,
      // A long build keeps ticks out for 15 minutes.
      of: [4, 4],
      missing: TreatMissingData.BREACHING,
      because: 'The function batch does not run: nothing is sealed, built or published.',
    });
    this.add('Rejected', {
      metric: ownMetric(stream, 'speed', 'Rejected'),
      threshold: config.alarms.rejectedInFiveMinutes,
      of: [2, 3],
      because: 'Events do not fit the schema. They are archived, and come back when it is mended.',
    });
  }

  private functions({ functions }: Watched): void {
    for (const [name, { function: target }] of Object.entries(functions)) {
      this.add(`${name.charAt(0).toUpperCase()}${name.slice(1)}Errors`, {
        metric: target.metricErrors({ period: FIVE_MINUTES }),
        threshold: 0,
        of: [2, 3],
        because: `The function ${name} fails. Its log says why.`,
      });
    }
  }

  /** Events are not taken, or questions not answered. */
  private front({ stream, api }: Watched): void {
    this.add('StreamThrottled', {
      metric: stream.metric('WriteProvisionedThroughputExceeded', {
        statistic: Stats.SUM,
        period: FIVE_MINUTES,
      }),
      threshold: 0,
      of: [3, 3],
      because: 'The stream refuses events: it needs more shards. Producers send them again.',
    });
    this.add('ServerErrors', {
      metric: api.metricServerError({ statistic: Stats.SUM, period: FIVE_MINUTES }),
      threshold: 0,
      of: [2, 3],
      because: 'The HTTP API answers with 5xx. Its access log and the functions’ logs say why.',
    });
  }

  private add(id: string, rule: Rule): void {
    const [datapoints, periods] = rule.of ?? [1, 1];
    const alarm = new Alarm(this, id, {
      metric: rule.metric,
      threshold: rule.threshold,
      comparisonOperator: rule.below
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: periods,
      datapointsToAlarm: datapoints,
      treatMissingData: rule.missing ?? TreatMissingData.NOT_BREACHING,
      alarmDescription: rule.because,
    });
    alarm.addAlarmAction(new SnsAction(this.topic));
    alarm.addOkAction(new SnsAction(this.topic));
    this.alarms.push(alarm);
  }
}
