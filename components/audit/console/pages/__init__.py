"""The pages, one small file each: a request becomes a look, the look's result a view, the view a page."""
