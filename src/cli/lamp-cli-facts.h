/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The agent's properties, in words and as JSON: an a{sv} by their D-Bus names, of which any may
 * be missing. */

/**
 * LampCliFactKind:
 *
 * How a property is shown to a person. Never shown alone: a part of the first line.
 */
typedef enum
{
  LAMP_CLI_FACT_TEXT,
  LAMP_CLI_FACT_NUMBER,
  LAMP_CLI_FACT_TIME,
  LAMP_CLI_FACT_BOOLEAN,
} LampCliFactKind;

/**
 * LampCliFact:
 * @property: its name on D-Bus
 * @key: its name in JSON, which stays as it is
 * @kind: what it is
 */
typedef struct
{
  const char *property;
  const char *key;
  LampCliFactKind kind;
} LampCliFact;

extern const LampCliFact lamp_cli_facts[];
extern const gsize lamp_cli_n_facts;

const char *lamp_cli_facts_get_text    (GVariant          *facts,
                                        const char        *property);

guint64     lamp_cli_facts_get_count   (GVariant          *facts,
                                        const char        *property);

gint64      lamp_cli_facts_get_time    (GVariant          *facts,
                                        const char        *property);

/**
 * lamp_cli_facts_dup_value:
 *
 * Returns: (transfer full) (nullable): a property for a person, %NULL if it is not known
 */
char       *lamp_cli_facts_dup_value   (GVariant          *facts,
                                        const LampCliFact *fact);

/**
 * lamp_cli_facts_get_stalled_after:
 *
 * Returns: the age at which a pending event counts as stalled, µs
 */
gint64      lamp_cli_facts_get_stalled_after (void);

/**
 * lamp_cli_facts_dup_summary:
 *
 * Returns: (transfer full): what is going on ("Offline, 12 waiting, next try in 40 s")
 */
char       *lamp_cli_facts_dup_summary (GVariant          *facts);

G_END_DECLS
