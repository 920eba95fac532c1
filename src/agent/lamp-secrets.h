/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define LAMP_TYPE_SECRETS (lamp_secrets_get_type ())

/**
 * LampSecrets:
 *
 * The token, kept by the secret service (section 9 of the specification). It is
 * looked up without a prompt; only signing in may prompt. SAAS_API_KEY
 * overrides it.
 *
 * Signal "changed" (): the token or the problem is another.
 */
G_DECLARE_FINAL_TYPE (LampSecrets, lamp_secrets, LAMP, SECRETS, GObject)

LampSecrets *lamp_secrets_new           (void);

/**
 * lamp_secrets_load_async:
 *
 * Looks the token up. Always answered; what stands in the way is the problem.
 */
void         lamp_secrets_load_async    (LampSecrets          *self,
                                         GAsyncReadyCallback   callback,
                                         gpointer              user_data);

/**
 * lamp_secrets_look_again:
 *
 * Looks the token up in the background if there is none: the secret service may have it now.
 */
void         lamp_secrets_look_again    (LampSecrets          *self);

/**
 * lamp_secrets_get_token:
 *
 * Returns: (transfer none) (nullable): the token, %NULL if there is none
 */
const char  *lamp_secrets_get_token     (LampSecrets          *self);

/**
 * lamp_secrets_get_problem:
 *
 * Returns: (transfer none) (nullable): why the token can't be had, for a person
 */
const char  *lamp_secrets_get_problem   (LampSecrets          *self);

/**
 * lamp_secrets_is_token:
 *
 * Returns: whether @token can be sent in the header of a request
 */
gboolean     lamp_secrets_is_token      (const char           *token);

/**
 * lamp_secrets_store_async:
 * @token: (nullable): the token to keep, %NULL to forget it
 */
void         lamp_secrets_store_async   (LampSecrets          *self,
                                         const char           *token,
                                         GAsyncReadyCallback   callback,
                                         gpointer              user_data);

/**
 * lamp_secrets_store_finish:
 * @error: return location for %LAMP_ERROR_STORAGE if there is no secret service
 *   or it refuses
 */
gboolean     lamp_secrets_store_finish  (LampSecrets          *self,
                                         GAsyncResult         *result,
                                         GError              **error);

G_END_DECLS
