export { RuleChecker, type RuleCheckerOptions } from './checker';
export { RuleError } from './rule-error';
export {
  type Delivery,
  type Direction,
  type Note,
  type NoteKind,
  RULES,
  type Rule,
  type Violation,
} from './types';
