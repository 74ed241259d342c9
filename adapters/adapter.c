/* What all adapters have in common. */
#include <peal/adapter.h>

void peal_adapter_free(struct peal_adapter *adapter)
{
	if (adapter)
		adapter->ops->free(adapter);
}
