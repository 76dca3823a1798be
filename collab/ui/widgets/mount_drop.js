element.replaceChildren(pictureDrop().root);
