/* SPDX-License-Identifier: GPL-2.0-only */
#include "explanation.h"

#include <stdlib.h>

void explanation_done(struct explanation *explanation)
{
	for (size_t i = 0; i < explanation->n_fields; i++) {
		free(explanation->fields[i].name);
		free(explanation->fields[i].value);
	}
	for (size_t i = 0; i < explanation->n_rules; i++) {
		free(explanation->rules[i].match);
		free(explanation->rules[i].action);
		free(explanation->rules[i].place);
	}
	free(explanation->fields);
	free(explanation->sets);
	free(explanation->rules);
	free(explanation->redirect);
	free(explanation->note);
	*explanation = (struct explanation){ 0 };
}
