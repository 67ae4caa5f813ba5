/** The deployment at a glance, in the order in which data flow. */

import { Duration } from 'aws-cdk-lib';
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import {
  type Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  type IWidget,
  Stats,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import type { Watched } from './alarms.ts';
import { iteratorAge, ownMetric } from './metrics.ts';

const FIVE_MINUTES = Duration.minutes(5);

export class AtAGlance extends Construct {
  constructor(scope: Construct, id: string, watched: Watched, rows: TableV2, alarms: Alarm[]) {
    super(scope, id);
    new Dashboard(this, 'Dashboard', {
      defaultInterval: Duration.hours(6),
      widgets: [
        [new AlarmStatusWidget({ title: 'Alarms', alarms, width: 24, height: 4 })],
        events(watched),
        layers(watched),
        batch(watched, rows),
        answers(watched.api),
        functions(watched),
      ],
    });
  }
}

function events({ stream, archive, speed }: Watched): IWidget[] {
  const incoming = stream.metricIncomingRecords({ statistic: Stats.SUM, period: FIVE_MINUTES });
  const bytes = stream.metricIncomingBytes({ statistic: Stats.SUM, period: FIVE_MINUTES });
  const age = (layer: Watched['archive'], name: string) =>
    iteratorAge(layer.function.function.functionName).with({ label: name });
  return [
    graph('Into the stream', [incoming], [bytes]),
    graph('Waiting, ms', [age(archive, 'for the archive'), age(speed, 'for the speed layer')]),
    graph(
      'Events that do not fit the schema',
      [ownMetric(stream, 'speed', 'Rejected')],
      [ownMetric(stream, 'speed', 'Events')],
    ),
  ];
}

function layers({ stream }: Watched): IWidget[] {
  const lag = (name: 'archive' | 'speed') =>
    ownMetric(stream, name, 'Lag', Stats.MAXIMUM).with({ label: name });
  return [
    graph('From arrival to stored, ms', [lag('archive'), lag('speed')]),
    graph(
      'Archived',
      [ownMetric(stream, 'archive', 'Records')],
      [ownMetric(stream, 'archive', 'Objects')],
    ),
    graph(
      'Speed rows',
      [ownMetric(stream, 'speed', 'RowsWritten')],
      [ownMetric(stream, 'speed', 'Conflicts')],
    ),
  ];
}

function batch({ stream }: Watched, rows: TableV2): IWidget[] {
  const units = rows.metricConsumedWriteCapacityUnits({ period: FIVE_MINUTES });
  const reads = rows.metricConsumedReadCapacityUnits({ period: FIVE_MINUTES });
  return [
    graph('Batch views behind, ms', [ownMetric(stream, 'batch', 'HorizonLag', Stats.MAXIMUM)]),
    graph('Versions published, and builds that failed', [
      ownMetric(stream, 'batch', 'Published'),
      ownMetric(stream, 'batch', 'FailedBuilds'),
    ]),
    graph('Units of the table of speed rows', [units, reads]),
  ];
}

function answers(api: HttpApi): IWidget[] {
  const latency = (statistic: string) =>
    api.metricLatency({ statistic, period: FIVE_MINUTES, label: statistic });
  const count = { statistic: Stats.SUM, period: FIVE_MINUTES };
  return [
    graph('Requests', [api.metricCount(count)]),
    graph('Latency, ms', ['p50', 'p95', 'p99'].map(latency)),
    graph('Refused and failed', [api.metricClientError(count), api.metricServerError(count)]),
  ];
}

function functions({ functions }: Watched): IWidget[] {
  const each = (metric: (name: string) => IMetric) => Object.keys(functions).map(metric);
  const of = (name: string) => functions[name]!.function;
  return [
    graph(
      'Duration, ms, p95',
      each((label) => of(label).metricDuration({ statistic: 'p95', period: FIVE_MINUTES, label })),
    ),
    graph(
      'Errors',
      each((label) => of(label).metricErrors({ period: FIVE_MINUTES, label })),
    ),
    graph(
      'Throttles',
      each((label) => of(label).metricThrottles({ period: FIVE_MINUTES, label })),
    ),
  ];
}

function graph(title: string, left: IMetric[], right: IMetric[] = []): IWidget {
  return new GraphWidget({ title, left, right, width: 8, height: 6 });
}
