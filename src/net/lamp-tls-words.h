/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/**
 * lamp_tls_words:
 * @host: whom the certificate should be for
 * @certificate: (nullable): what the server showed
 * @errors: what is wrong with it
 *
 * Says in a sentence why a server isn't believed, and what a person can do. The
 * certificate's own words are cut and cleaned: anybody can write one.
 *
 * Returns: (transfer full): translated, without a full stop
 */
char *lamp_tls_words (const char           *host,
                      GTlsCertificate      *certificate,
                      GTlsCertificateFlags  errors);

G_END_DECLS
