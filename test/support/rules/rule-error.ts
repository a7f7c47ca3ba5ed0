import { RULES, type Rule, type Violation } from './types';

/** Rules of MQTT were broken; the message lists the first of them. */
export class RuleError extends Error {
  readonly code = 'MQTT_RULE_BROKEN';

  constructor(readonly violations: readonly Violation[]) {
    const lines = violations
      .slice(0, 10)
      .map((v) => `  ${v.rule} [${v.statement}] ${v.clientId}, connection ${v.connection}: ${v.message}`);
    super(`${violations.length} MQTT rules broken:\n${lines.join('\n')}`);
  }
}

/** Label of the statement behind a rule, with the version of the specification. */
export function statementOf(rule: Rule, version: 3 | 4 | 5): string {
  const statement: { v311?: string; v5?: string } = RULES[rule];
  return version === 5 ? `${statement.v5} (5.0)` : `${statement.v311 ?? statement.v5} (3.1.1)`;
}
