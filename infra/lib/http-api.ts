/**
 * Events in and answers out over HTTP.
 *
 * Two functions, because the one that answers must not be able to write: `POST /v1/events` goes to
 * `ingest`, which can put into the stream and nothing else, and everything else to `query`.
 */

import { AccessLogField as Field } from 'aws-cdk-lib/aws-apigateway';
import {
  HttpApi,
  HttpMethod,
  HttpStage,
  type IHttpRouteAuthorizer,
  LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IStream } from 'aws-cdk-lib/aws-kinesis';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { items, onStream, readObjects, useKey } from './access.ts';
import { BearerTokens } from './bearer-tokens.ts';
import { type Deployment, removalPolicy } from './deployment.ts';
import { RustFunction } from './rust-function.ts';

export interface HttpFrontProps {
  readonly stream: IStream;
  readonly rows: ITable;
  readonly raw: IBucket;
  readonly views: IBucket;
  readonly control: ITable;
  readonly environment: Record<string, string>;
}

export class HttpFront extends Construct {
  readonly ingest: RustFunction;
  readonly query: RustFunction;
  readonly api: HttpApi;
  readonly stage: HttpStage;
  /** With `api.auth: bearer`: who lets requests in. */
  readonly tokens: BearerTokens | undefined;

  constructor(scope: Construct, id: string, deployment: Deployment, props: HttpFrontProps) {
    super(scope, id);
    const { config } = deployment;
    this.ingest = this.ingestFunction(deployment, props);
    this.query = this.queryFunction(deployment, props);
    let authorizer: IHttpRouteAuthorizer = new HttpIamAuthorizer();
    if (config.api.auth === 'bearer') {
      this.tokens = new BearerTokens(this, 'Tokens', deployment);
      authorizer = this.tokens.authorizer;
    }
    // Without `corsPreflight` no browser page of another origin gets an answer.
    this.api = new HttpApi(this, 'Api', {
      apiName: config.stackName,
      description: 'Events in and answers out',
      createDefaultStage: false,
      defaultAuthorizer: authorizer,
      defaultIntegration: new HttpLambdaIntegration('Query', this.query.function),
    });
    this.api.addRoutes({
      path: '/v1/events',
      methods: [HttpMethod.POST],
      integration: new HttpLambdaIntegration('Ingest', this.ingest.function),
    });
    this.stage = this.defaultStage(deployment);
  }

  private ingestFunction(deployment: Deployment, props: HttpFrontProps): RustFunction {
    const { ingest } = deployment.config;
    return new RustFunction(this, 'Ingest', deployment, {
      name: 'ingest',
      description: 'Puts events that are sent over HTTP into the stream',
      memoryMb: ingest.memoryMb,
      timeoutSeconds: ingest.timeoutSeconds,
      environment: props.environment,
      withProject: true,
      access: [onStream(props.stream, ['PutRecords']), ...useKey(deployment.key, 'encrypt')],
    });
  }

  private queryFunction(deployment: Deployment, props: HttpFrontProps): RustFunction {
    const { query } = deployment.config;
    return new RustFunction(this, 'Query', deployment, {
      name: 'query',
      description: 'Answers questions about views',
      memoryMb: query.memoryMb,
      timeoutSeconds: query.timeoutSeconds,
      environment: props.environment,
      withProject: true,
      access: [
        items(props.control, ['GetItem', 'Query']),
        items(props.rows, ['GetItem', 'Query']),
        ...readObjects(props.views, ['views']),
        ...readObjects(props.raw, ['raw', 'shards']),
        ...useKey(deployment.key, 'decrypt'),
      ],
    });
  }

  private defaultStage(deployment: Deployment): HttpStage {
    const { api, logs } = deployment.config;
    const logGroup = new LogGroup(this, 'AccessLog', {
      retention: logs.retentionDays,
      removalPolicy: removalPolicy(deployment),
    });
    return new HttpStage(this, 'Stage', {
      httpApi: this.api,
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit: api.ratePerSecond, burstLimit: api.burst },
      accessLogSettings: {
        destination: new LogGroupLogDestination(logGroup),
        // No query strings: they hold values of keys.
        format: AccessLogFormat.custom(
          JSON.stringify({
            request_id: Field.contextRequestId(),
            time: '$context.requestTime',
            ip: Field.contextIdentitySourceIp(),
            caller: Field.contextIdentityUserArn(),
            method: Field.contextHttpMethod(),
            path: '$context.path',
            status: Field.contextStatus(),
            response_bytes: Field.contextResponseLength(),
            latency_ms: Field.contextResponseLatency(),
            integration_error: '$context.integrationErrorMessage',
            client: '$context.authorizer.client',
            authorizer_error: '$context.authorizer.error',
          }),
        ),
      },
    });
  }
}
