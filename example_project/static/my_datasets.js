// Opens datasets of the signed-in user. The page has the values in attributes, so that no inline script is necessary.
import { openDataset } from "./django_cognito/datasets.js";

export function openMine(name, merge) {
  const { user, datasets: url } = document.body.dataset;
  return openDataset(name, { url, user, merge, csrfCookie: "fieldnotes_csrf" });
}
