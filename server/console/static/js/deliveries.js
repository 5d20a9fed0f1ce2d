// Deliveries that want a person: say what became of them. The lists keep themselves fresh.
import { fragment, post, tell } from "./api.js";
import { watch } from "./live.js";
import { t } from "./texts.js";
import { toast } from "./toasts.js";

const place = document.getElementById("deliveries");

async function refresh() {
  place.innerHTML = await fragment("/console/deliveries/list");
}

place.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-resolve]");
  if (!button) return;
  const { id } = button.closest("[data-id]").dataset;
  button.disabled = true;
  try {
    await post(`/v1/deliveries/${id}/resolve`, { outcome: button.dataset.resolve });
    toast(t("resolved"));
  } catch (error) {
    tell(error);
  }
  await refresh();
});

watch({ topics: ["deliveries"], changed: refresh });
