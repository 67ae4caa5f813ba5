/**
 * Letting in whoever has a token: `Authorization: Bearer …`.
 *
 * For clients that cannot sign requests, such as Grafana's Prometheus data source. The tokens are a
 * secret of the stack, `{"<name>": "<token>"}`; it begins with one random token under the name
 * `first`. Adding a name lets another client in, removing it locks it out, within minutes.
 */

import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  HttpLambdaAuthorizer,
  HttpLambdaResponseType,
} from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { useKey } from './access.ts';
import { acknowledge } from './acknowledge.ts';
import type { Deployment } from './deployment.ts';
import { RustFunction } from './rust-function.ts';

/** For so long API Gateway remembers who was let in, and the function what the secret holds. */
const REMEMBERED = Duration.minutes(1);

export class BearerTokens extends Construct {
  readonly secret: Secret;
  readonly function: RustFunction;
  readonly authorizer: HttpLambdaAuthorizer;

  constructor(scope: Construct, id: string, deployment: Deployment) {
    super(scope, id);
    const { key } = deployment;
    this.secret = new Secret(this, 'Secret', {
      description: 'The tokens that let clients into the HTTP API of Anabranch',
      generateSecretString: {
        secretStringTemplate: '{}',
        generateStringKey: 'first',
        passwordLength: 43,
        excludePunctuation: true,
      },
      removalPolicy: deployment.config.protection.retain
        ? RemovalPolicy.RETAIN
        : RemovalPolicy.DESTROY,
      ...(key === undefined ? {} : { encryptionKey: key }),
    });
    acknowledge(
      this.secret,
      'AwsSolutions-SMG4',
      'Tokens are in clients’ configuration: only who runs the clients can rotate them, by adding a name and removing another',
    );
    this.function = new RustFunction(this, 'Function', deployment, {
      name: 'authorizer',
      description: 'Lets in requests with a token of the secret',
      memoryMb: 256,
      timeoutSeconds: 10,
      environment: { ANABRANCH_TOKENS_SECRET: this.secret.secretArn },
      withProject: false,
      access: [
        {
          statement: new PolicyStatement({
            effect: Effect.ALLOW,
            actions: ['secretsmanager:GetSecretValue'],
            resources: [this.secret.secretArn],
          }),
        },
        ...useKey(key, 'decrypt'),
      ],
    });
    this.authorizer = new HttpLambdaAuthorizer('Bearer', this.function.function, {
      responseTypes: [HttpLambdaResponseType.SIMPLE],
      identitySource: ['$request.header.Authorization'],
      resultsCacheTtl: REMEMBERED,
    });
  }
}
