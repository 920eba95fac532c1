/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-outcome.h"

G_DEFINE_BOXED_TYPE (LampOutcome, lamp_outcome, lamp_outcome_copy, lamp_outcome_free)

LampOutcome *
lamp_outcome_new (LampOutcomeKind kind,
                  guint           n_verdicts)
{
  LampOutcome *self = g_new0 (LampOutcome, 1);

  self->kind = kind;
  self->message = g_strdup ("");
  self->verdicts = g_new0 (LampVerdict, n_verdicts);
  self->n_verdicts = n_verdicts;

  return self;
}

LampOutcome *
lamp_outcome_copy (const LampOutcome *self)
{
  LampOutcome *copy;

  g_return_val_if_fail (self != NULL, NULL);

  copy = lamp_outcome_new (self->kind, self->n_verdicts);
  copy->status = self->status;
  copy->retry_after = self->retry_after;
  g_free (copy->message);
  copy->message = g_strdup (self->message);

  for (guint i = 0; i < self->n_verdicts; i++)
    {
      copy->verdicts[i].kind = self->verdicts[i].kind;
      copy->verdicts[i].code = g_strdup (self->verdicts[i].code);
      copy->verdicts[i].message = g_strdup (self->verdicts[i].message);
    }

  return copy;
}

void
lamp_outcome_free (LampOutcome *self)
{
  g_return_if_fail (self != NULL);

  for (guint i = 0; i < self->n_verdicts; i++)
    {
      g_free (self->verdicts[i].code);
      g_free (self->verdicts[i].message);
    }

  g_free (self->verdicts);
  g_free (self->message);
  g_free (self);
}
